use crate::{engine::gone::Cause, load::Ended};
use std::time::Duration;

/// What happened in a [`Cache`](crate::Cache) since it was made, and what it holds.
///
/// Counted by plain numbers of each shard, under the lock that an operation has anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Lookups that found a value.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Values put in, by whatever way.
    pub inserts: u64,
    /// Values given back because no room was found for them.
    pub refused: u64,
    /// Entries evicted because there were `max_entries`.
    pub evicted_by_entries: u64,
    /// Entries evicted because there were `max_bytes`.
    pub evicted_by_bytes: u64,
    /// Entries that left because their time was over.
    pub expired: u64,
    /// Live entries given back under memory pressure.
    pub trimmed: u64,
    /// Values that another took the place of.
    pub replaced: u64,
    /// Live entries removed: by key, by a predicate or with all others.
    pub removed: u64,
    /// Loads begun.
    pub loads: u64,
    /// Loads that brought no value: an error, a panic, or a caller who went away.
    pub load_failures: u64,
    /// How long all loads that have ended took together, the failed ones too.
    pub load_time: Duration,
    /// Callers who missed and were served by another caller's load.
    pub coalesced: u64,
    /// Entries held.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
}

/// What one shard counts. What a hit touches comes first.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct Counts {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) inserts: u64,
    pub(crate) refused: u64,
    pub(crate) expired: u64,
    pub(crate) removed: u64,
    evicted_by_entries: u64,
    evicted_by_bytes: u64,
    trimmed: u64,
    replaced: u64,
    pub(crate) loads: u64,
    pub(crate) load_failures: u64,
    pub(crate) load_nanos: u64,
    pub(crate) coalesced: u64,
}

impl Counts {
    pub(crate) fn of(&mut self, cause: Cause) -> &mut u64 {
        match cause {
            Cause::Entries => &mut self.evicted_by_entries,
            Cause::Bytes => &mut self.evicted_by_bytes,
            Cause::Expired => &mut self.expired,
            Cause::Replaced => &mut self.replaced,
            Cause::Removed => &mut self.removed,
            Cause::Pressure => &mut self.trimmed,
        }
    }

    /// Counts the end of a load, which was counted when it was registered.
    pub(crate) fn load_ended(&mut self, ended: Ended) {
        match ended {
            Ended::Ran { brought, took } => {
                self.load_failures += u64::from(!brought);
                let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                self.load_nanos = self.load_nanos.saturating_add(nanos);
            }
            Ended::Found => {
                // A resize in between may have moved the counts to another shard.
                self.loads = self.loads.saturating_sub(1);
                self.coalesced += 1;
            }
            Ended::Withdrawn => self.loads = self.loads.saturating_sub(1),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.inserts += other.inserts;
        self.refused += other.refused;
        self.expired += other.expired;
        self.removed += other.removed;
        self.evicted_by_entries += other.evicted_by_entries;
        self.evicted_by_bytes += other.evicted_by_bytes;
        self.trimmed += other.trimmed;
        self.replaced += other.replaced;
        self.loads += other.loads;
        self.load_failures += other.load_failures;
        self.load_nanos = self.load_nanos.saturating_add(other.load_nanos);
        self.coalesced += other.coalesced;
    }
}

impl Stats {
    pub(crate) fn new(counts: &Counts, entries: usize, bytes: u64) -> Self {
        Self {
            hits: counts.hits,
            misses: counts.misses,
            inserts: counts.inserts,
            refused: counts.refused,
            evicted_by_entries: counts.evicted_by_entries,
            evicted_by_bytes: counts.evicted_by_bytes,
            expired: counts.expired,
            trimmed: counts.trimmed,
            replaced: counts.replaced,
            removed: counts.removed,
            loads: counts.loads,
            load_failures: counts.load_failures,
            load_time: Duration::from_nanos(counts.load_nanos),
            coalesced: counts.coalesced,
            entries: entries as u64,
            bytes,
        }
    }

    /// Entries that left to make room, for whichever bound.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted_by_entries + self.evicted_by_bytes
    }

    /// The share of lookups that hit; `None` before the first.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio of counts needs no more than 53 bits")]
    pub fn hit_rate(&self) -> Option<f64> {
        match self.hits + self.misses {
            0 => None,
            lookups => Some(self.hits as f64 / lookups as f64),
        }
    }
}
