use perfect21_core::ConfigError;
use std::time::Duration;

/// From where on something is worth saying. Begin with the default and change a field; [`build`](super::AdvisorBuilder::build)
/// checks them.
///
/// ```
/// use perfect21_db_stats::advisor::Thresholds;
///
/// let mut thresholds = Thresholds::default();
/// thresholds.min_index_bytes = 64 << 20;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Thresholds {
    /// A statement with this share of all statements' time is slow if its mean is, too: 0.1.
    pub slow_share: f64,
    /// Mean time of a slow statement: 20 ms.
    pub slow_mean: Duration,
    /// Fewer calls than these are no habit: 10.
    pub slow_calls: i64,
    /// A statement whose mean grew by this factor between two reports got worse: 1.5.
    pub regression: f64,
    /// Tables with fewer rows get no index, no estimate of bloat, no advice on statistics: 10 000.
    pub min_rows: i64,
    /// A missing index must take at least this share off the cost that the planner sees: 0.5.
    pub index_saving: f64,
    /// Most missing indexes said of one table: 3.
    pub indexes_per_table: usize,
    /// Most statements, by total time, that are tried with other indexes: 100.
    pub index_statements: usize,
    /// An index with at most so many scans is unused: 0.
    pub unused_scans: i64,
    /// Smaller indexes are not said to be unused, nor bloated: 1 MiB.
    pub min_index_bytes: i64,
    /// Counters that are younger say nothing of use: 7 days.
    pub min_stats_age: Duration,
    /// A share of dead space that is bloat: 0.5.
    pub bloat_share: f64,
    /// Less dead space than this is no bloat: 20 MiB.
    pub bloat_bytes: i64,
    /// Fewer dead rows than these do not matter: 10 000.
    pub dead_tuples: i64,
    /// A transaction, or a prepared one, that is older is long: 5 min. Who waits for a lock for longer than a
    /// tenth of it is said to be blocked.
    pub long_transaction: Duration,
    /// An idle transaction that is older should be closed: 1 min.
    pub idle_in_transaction: Duration,
    /// Used share of the connections, as a warning and as critical: 0.8 and 0.95.
    pub connections: (f64, f64),
    /// Hits of the shared buffers below this share: 0.95.
    pub cache_hit: f64,
    /// Fewer blocks read than these say nothing about the cache: 100 000.
    pub cache_blocks: i64,
    /// Used share of a sequence, as a warning and as critical: 0.75 and 0.9.
    pub sequence: (f64, f64),
    /// Used share of the 2 147 483 647 transaction or multixact numbers, as a warning and as critical: 0.5 and 0.75.
    pub wraparound: (f64, f64),
    /// Log kept by a slot that nobody reads, as critical; less is a warning: 1 GiB.
    pub slot_bytes: i64,
    /// Bytes of temporary files a day: 1 GiB.
    pub temp_bytes_a_day: i64,
    /// Share of requested checkpoints: 0.3, of at least 10.
    pub requested_checkpoints: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            slow_share: 0.1,
            slow_mean: Duration::from_millis(20),
            slow_calls: 10,
            regression: 1.5,
            min_rows: 10_000,
            index_saving: 0.5,
            indexes_per_table: 3,
            index_statements: 100,
            unused_scans: 0,
            min_index_bytes: 1 << 20,
            min_stats_age: Duration::from_secs(7 * 86_400),
            bloat_share: 0.5,
            bloat_bytes: 20 << 20,
            dead_tuples: 10_000,
            long_transaction: Duration::from_secs(300),
            idle_in_transaction: Duration::from_secs(60),
            connections: (0.8, 0.95),
            cache_hit: 0.95,
            cache_blocks: 100_000,
            sequence: (0.75, 0.9),
            wraparound: (0.5, 0.75),
            slot_bytes: 1 << 30,
            temp_bytes_a_day: 1 << 30,
            requested_checkpoints: 0.3,
        }
    }
}

impl Thresholds {
    pub(super) fn checked(&self) -> Result<(), ConfigError> {
        for (name, value) in [
            ("slow_share", self.slow_share),
            ("index_saving", self.index_saving),
            ("bloat_share", self.bloat_share),
            ("cache_hit", self.cache_hit),
            ("requested_checkpoints", self.requested_checkpoints),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(ConfigError::new(name, value, "must be a share from 0 to 1"));
            }
        }
        for (name, (warning, critical)) in
            [("connections", self.connections), ("sequence", self.sequence), ("wraparound", self.wraparound)]
        {
            if !(0.0..=1.0).contains(&warning) || !(warning..=1.0).contains(&critical) {
                let value = format!("({warning}, {critical})");
                return Err(ConfigError::new(name, value, "must be two rising shares from 0 to 1"));
            }
        }
        for (name, value) in [
            ("slow_calls", self.slow_calls),
            ("min_rows", self.min_rows),
            ("unused_scans", self.unused_scans),
            ("min_index_bytes", self.min_index_bytes),
            ("bloat_bytes", self.bloat_bytes),
            ("dead_tuples", self.dead_tuples),
            ("cache_blocks", self.cache_blocks),
            ("slot_bytes", self.slot_bytes),
            ("temp_bytes_a_day", self.temp_bytes_a_day),
        ] {
            if value < 0 {
                return Err(ConfigError::new(name, value, "must not be negative"));
            }
        }
        if !(self.regression > 1.0 && self.regression.is_finite()) {
            return Err(ConfigError::new("regression", self.regression, "must be a factor above 1"));
        }
        if self.index_statements > 1000 {
            return Err(ConfigError::new("index_statements", self.index_statements, "must be at most 1000"));
        }
        Ok(())
    }
}
