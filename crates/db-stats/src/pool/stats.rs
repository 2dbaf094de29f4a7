use super::Pool;
use perfect21_core::LatencySnapshot;

/// Where a [`Pool`] stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The most connections there may be.
    pub max_size: usize,
    /// Connections that are open.
    pub size: usize,
    /// Of these, the ones that nobody uses.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
    /// How long connections took to open.
    pub connects: LatencySnapshot,
    /// Attempts to open one that failed.
    pub connects_failed: u64,
    /// How long callers waited for a connection, opening it included.
    pub waits: LatencySnapshot,
    /// Callers that gave up because all connections stayed in use.
    pub exhausted: u64,
    /// Connections that came back in use or changed, and were made as new.
    pub repaired: u64,
    /// Of these, and before a next statement: the ones whose statement was cancelled on the server.
    pub cancelled: u64,
    /// Connections that were closed: lost, too old, too many, or not to be repaired.
    pub discarded: u64,
    /// Statements that were prepared again after a change of the schema.
    pub healed: u64,
    /// Bytes that came from the server.
    pub bytes_in: u64,
    /// Bytes that went to the server.
    pub bytes_out: u64,
    /// Errors that the server sent, those of connecting included.
    pub server_errors: u64,
    /// Notices that the server sent.
    pub notices: u64,
}

impl Pool {
    /// Where it stands; reads counters, an entry of each connection, and merges two histograms.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let status = self.0.pool.status();
        let counts = &self.0.shared.counts;
        let traffic = self.0.shared.traffic();
        Stats {
            max_size: status.max_size,
            size: status.size,
            idle: status.available,
            waiting: status.waiting,
            connects: counts.connects.snapshot(),
            connects_failed: counts.connects_failed.total(),
            waits: counts.waits.snapshot(),
            exhausted: counts.exhausted.total(),
            repaired: counts.repaired.total(),
            cancelled: counts.cancelled.total(),
            discarded: counts.discarded.total(),
            healed: counts.healed.total(),
            bytes_in: traffic.bytes_in,
            bytes_out: traffic.bytes_out,
            server_errors: traffic.errors,
            notices: traffic.notices,
        }
    }
}
