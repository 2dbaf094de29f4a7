//! What happened, counted.

mod tally;

pub use tally::{ErrorCounts, RejectCounts};

use perfect21_core::LatencySnapshot;
use perfect21_meter::{Counter, Latency};
use std::time::{Duration, Instant};
use tally::{ErrorTally, RejectTally};

/// What happened in a [`Cache`](crate::Cache) since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Lookups that found a value, in whichever tier.
    pub hits: u64,
    /// Those of them that the near cache answered.
    pub near_hits: u64,
    /// Lookups that found that there is nothing: an entry that says so.
    pub absent: u64,
    /// Lookups that did not find a value: rejected and outdated ones and, under
    /// [`MissOnError`](crate::ErrorPolicy::MissOnError), failed lookups included.
    pub misses: u64,
    /// Values that were answered though their time was over, because there was no newer one to be had.
    pub stale: u64,
    /// Values set, those of loads included.
    pub sets: u64,
    /// Removals that the server confirmed, whether or not there was a value.
    pub removes: u64,
    /// Loads begun.
    pub loads: u64,
    /// Loads that brought no value: an error, a panic, or too long.
    pub load_failures: u64,
    /// Loads begun before the value's time was over, with the old one answered meanwhile.
    pub refreshes: u64,
    /// Callers who missed and were served by another caller's load.
    pub coalesced: u64,
    /// Loads that waited because another process loaded the same key.
    pub lease_waits: u64,
    /// Loaded values that were not stored because the key was written, or its lease lost, meanwhile.
    pub overtaken: u64,
    /// Entries that were found and no longer counted, because of a `clear` or an invalidated tag.
    pub outdated: u64,
    /// Bytes of entries read from the server, and written to it.
    pub bytes_read: u64,
    /// Bytes of entries written to the server.
    pub bytes_written: u64,
    /// Commands that failed, by kind, whether or not a caller saw the error.
    pub errors: ErrorCounts,
    /// Bytes under our keys that were no value of the cache, by reason.
    pub rejected: RejectCounts,
}

impl Stats {
    /// The share of lookups that found a value, or that there is none; `None` before the first.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio of counts needs no more than 53 bits")]
    pub fn hit_rate(&self) -> Option<f64> {
        let hits = self.hits + self.absent;
        match hits + self.misses {
            0 => None,
            lookups => Some(hits as f64 / lookups as f64),
        }
    }
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) near_hits: Counter,
    pub(crate) absent: Counter,
    pub(crate) misses: Counter,
    pub(crate) stale: Counter,
    pub(crate) sets: Counter,
    pub(crate) removes: Counter,
    pub(crate) loads: Counter,
    pub(crate) load_failures: Counter,
    pub(crate) refreshes: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) lease_waits: Counter,
    pub(crate) overtaken: Counter,
    pub(crate) outdated: Counter,
    pub(crate) bytes_read: Counter,
    pub(crate) bytes_written: Counter,
    pub(crate) errors: ErrorTally,
    pub(crate) rejected: RejectTally,
    pub(crate) latencies: Latencies,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            hits: self.hits.total() + self.near_hits.total(),
            near_hits: self.near_hits.total(),
            absent: self.absent.total(),
            misses: self.misses.total(),
            stale: self.stale.total(),
            sets: self.sets.total(),
            removes: self.removes.total(),
            loads: self.loads.total(),
            load_failures: self.load_failures.total(),
            refreshes: self.refreshes.total(),
            coalesced: self.coalesced.total(),
            lease_waits: self.lease_waits.total(),
            overtaken: self.overtaken.total(),
            outdated: self.outdated.total(),
            bytes_read: self.bytes_read.total(),
            bytes_written: self.bytes_written.total(),
            errors: self.errors.read(),
            rejected: self.rejected.read(),
        }
    }
}

/// How long the server took, by what it was asked for. A lookup that the near cache answered is in none.
#[derive(Default)]
pub(crate) struct Latencies {
    pub(crate) get: Latency,
    pub(crate) set: Latency,
    pub(crate) remove: Latency,
    pub(crate) many: Latency,
    pub(crate) load: Latency,
}

impl Latencies {
    pub(crate) fn by_name(&self) -> [(&'static str, LatencySnapshot); 5] {
        [
            ("get", self.get.snapshot()),
            ("set", self.set.snapshot()),
            ("remove", self.remove.snapshot()),
            ("many", self.many.snapshot()),
            ("load", self.load.snapshot()),
        ]
    }
}

/// Records how long what is awaited takes, if it ends.
pub(crate) async fn timed<T>(latency: &Latency, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let done = work.await;
    latency.record(start.elapsed());
    done
}

/// Whole microseconds, at most an hour.
pub(crate) fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
