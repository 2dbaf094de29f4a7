use super::BufferPool;
use perfect21_core::{Metric, Observe, Pressure, Reading, Trim, Trimmed, Unit, Visitor};
use std::sync::atomic::Ordering::Relaxed;

/// What a [`BufferPool`] did so far, and what it holds; exact while nothing is got or returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BufferStats {
    /// How often an idle buffer was handed out.
    pub hits: u64,
    /// Buffers that had to be created.
    pub made: u64,
    /// Buffers larger than any class, made for one use.
    pub oversized: u64,
    /// How often a buffer came back and was kept.
    pub returned: u64,
    /// Buffers that were dropped: too large, beyond the bounds, trimmed.
    pub dropped: u64,
    /// Buffers that exist, in use and idle, oversized ones left out.
    pub live: u64,
    /// Buffers that lie idle.
    pub idle: u64,
    /// Their bytes.
    pub idle_bytes: u64,
    /// The size of which 90 % of the uses were lately: what [`get`](BufferPool::get) hands out.
    pub used_p90: u64,
    /// The size of which 99 % of the uses were lately.
    pub used_p99: u64,
}

impl BufferPool {
    /// What it did so far, and what it holds.
    #[must_use]
    pub fn stats(&self) -> BufferStats {
        let mut sum = BufferStats {
            oversized: self.0.oversized.load(Relaxed),
            used_p90: self.0.learned.p90() as u64,
            used_p99: self.0.learned.p99() as u64,
            ..BufferStats::default()
        };
        for stats in self.0.pools.iter().map(crate::Pool::stats) {
            sum.hits += stats.hits;
            sum.made += stats.made;
            sum.returned += stats.returned;
            sum.dropped += stats.dropped;
            sum.live += stats.live;
            sum.idle += stats.idle;
            sum.idle_bytes += stats.idle_bytes;
        }
        sum
    }
}

const HITS: Metric = Metric::new("buffer_pool_hits", Unit::Count, "Idle buffers that were handed out.");
const MADE: Metric = Metric::new("buffer_pool_made", Unit::Count, "Buffers that had to be created.");
const OVERSIZED: Metric =
    Metric::new("buffer_pool_oversized", Unit::Count, "Buffers larger than any class, made for one use.");
const RETURNED: Metric = Metric::new("buffer_pool_returned", Unit::Count, "Buffers that were kept.");
const DROPPED: Metric = Metric::new("buffer_pool_dropped", Unit::Count, "Buffers that were dropped.");
const LIVE: Metric = Metric::new("buffer_pool_live", Unit::Count, "Buffers in use and idle.");
const IDLE: Metric = Metric::new("buffer_pool_idle", Unit::Count, "Buffers that lie idle.");
const IDLE_BYTES: Metric = Metric::new("buffer_pool_idle_bytes", Unit::Bytes, "Bytes of idle buffers.");
const USED: Metric =
    Metric::new("buffer_pool_used", Unit::Bytes, "Size that a share of the uses stays within.");

impl Observe for BufferPool {
    #[allow(clippy::cast_precision_loss, reason = "gauges are floats; exact below 2^53")]
    fn observe(&self, visitor: &mut dyn Visitor) {
        let (stats, pool) = (self.stats(), ("pool", self.name()));
        for (metric, total) in [
            (&HITS, stats.hits),
            (&MADE, stats.made),
            (&OVERSIZED, stats.oversized),
            (&RETURNED, stats.returned),
            (&DROPPED, stats.dropped),
        ] {
            visitor.counter(metric, &[pool], total);
        }
        for (metric, value) in [(&LIVE, stats.live), (&IDLE, stats.idle), (&IDLE_BYTES, stats.idle_bytes)] {
            visitor.gauge(metric, &[pool], Reading::now(value as f64));
        }
        for (share, size) in [("0.9", stats.used_p90), ("0.99", stats.used_p99)] {
            visitor.gauge(&USED, &[pool, ("share", share)], Reading::now(size as f64));
        }
    }
}

/// At [`Pressure::Routine`] drops the buffers that were not needed since the last time, above that all that are idle.
impl Trim for BufferPool {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        let mut trimmed = Trimmed::default();
        for pool in &self.0.pools {
            trimmed += pool.trim(pressure);
        }
        trimmed
    }
}
