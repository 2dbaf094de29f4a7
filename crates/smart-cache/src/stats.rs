use crate::table::{Counts, Table};
use std::hash::Hash;

/// What happened in a [`Cache`](crate::Cache) since it was made, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Lookups that found a value.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Values put in, by whatever way.
    pub inserts: u64,
    /// Values given back because they were heavier than the cache.
    pub refused: u64,
    /// Entries evicted because there were `max_entries`.
    pub evicted_by_entries: u64,
    /// Entries evicted because there were `max_bytes`.
    pub evicted_by_bytes: u64,
    /// Entries that left because their time was over.
    pub expired: u64,
    /// Live entries given back under memory pressure.
    pub trimmed: u64,
    /// Loads begun.
    pub loads: u64,
    /// Loads that brought no value: an error, a panic, or a caller who went away.
    pub load_failures: u64,
    /// Callers who missed and were served by another caller's load.
    pub coalesced: u64,
    /// Entries held.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
}

impl Stats {
    pub(crate) fn of<K: Hash + Eq, V>(table: &Table<K, V>) -> Self {
        let Counts {
            hits,
            misses,
            inserts,
            refused,
            evicted_by_entries,
            evicted_by_bytes,
            expired,
            trimmed,
            loads,
            load_failures,
            coalesced,
        } = table.counts;
        let (entries, bytes) = (table.len() as u64, table.bytes());
        Self {
            hits,
            misses,
            inserts,
            refused,
            evicted_by_entries,
            evicted_by_bytes,
            expired,
            trimmed,
            loads,
            load_failures,
            coalesced,
            entries,
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
