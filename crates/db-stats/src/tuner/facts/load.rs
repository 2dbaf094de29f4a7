use perfect21_core::Bytes;
use std::{fmt, time::Duration};

/// What a server has done since its counters began. `None` is not known.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Load {
    /// Client sessions at the time of the look.
    pub sessions: Option<u64>,
    /// Size of all databases that may be measured.
    pub databases: Option<Bytes>,
    /// Transactions ended.
    pub transactions: Option<u64>,
    /// Blocks found in the server's own memory.
    pub blocks_hit: Option<u64>,
    /// Blocks that were not.
    pub blocks_read: Option<u64>,
    /// Temporary files: what did not fit into `work_mem`.
    pub temp_files: Option<u64>,
    /// Their size together.
    pub temp_bytes: Option<Bytes>,
    /// Statements that write temporary blocks (`pg_stat_statements`).
    pub spilling_statements: Option<u64>,
    /// The most that one statement writes in a call on average, of those that spill.
    pub largest_spill: Option<Bytes>,
    /// Checkpoints that came in time.
    pub checkpoints_timed: Option<u64>,
    /// Checkpoints that came since the log was full, or somebody asked.
    pub checkpoints_requested: Option<u64>,
    /// Write-ahead log written.
    pub wal: Option<Bytes>,
    /// For how long that is counted.
    pub wal_time: Option<Duration>,
}

impl Load {
    /// Share of blocks found in memory, once so many were asked for that it tells something (100 000).
    pub(in super::super) fn hit_rate(&self) -> Option<f64> {
        let (hit, read) = (self.blocks_hit?, self.blocks_read?);
        let all = hit.saturating_add(read);
        #[allow(clippy::cast_precision_loss, reason = "a share")]
        (all >= 100_000).then(|| hit as f64 / all as f64)
    }

    /// Mean size of a temporary file, once there are some (10).
    pub(in super::super) fn mean_temp_file(&self) -> Option<u64> {
        let files = self.temp_files.filter(|files| *files >= 10)?;
        Some(self.temp_bytes?.get() / files)
    }

    /// Bytes of write-ahead log a second, once it was counted for an hour.
    pub(in super::super) fn wal_rate(&self) -> Option<f64> {
        let time = self.wal_time.filter(|time| *time >= Duration::from_secs(3600))?;
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        Some(self.wal?.get() as f64 / time.as_secs_f64())
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: Option<u64>| count.map_or("unknown".to_owned(), |count| count.to_string());
        let size = |size: Option<Bytes>| size.map_or("unknown".to_owned(), |size| size.to_string());
        let hits = self
            .hit_rate()
            .map_or("too few blocks to tell".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
        writeln!(
            f,
            "  load    sessions: {}, transactions: {}, databases: {}, found in shared_buffers: {hits}",
            count(self.sessions),
            count(self.transactions),
            size(self.databases)
        )?;
        writeln!(
            f,
            "          temporary files: {} of {}; checkpoints: {} in time, {} requested; log written: {}",
            count(self.temp_files),
            size(self.temp_bytes),
            count(self.checkpoints_timed),
            count(self.checkpoints_requested),
            size(self.wal)
        )
    }
}
