use super::Store;
use crate::RedisCache;
use perfect21_smart_cache::{Cache, Stats};
use std::sync::atomic::Ordering;

/// What a process holds itself, and what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct NearStats {
    /// Whether changes are heard of now; if not, what is held is not answered.
    pub is_open: bool,
    /// Entries held; 0 without a [`Near`](crate::Near) cache.
    pub entries: u64,
    /// Their bytes, as [`Near::max_bytes`](crate::Near::max_bytes) counts them.
    pub bytes: u64,
    /// Entries that others needed the room of.
    pub evicted: u64,
    /// Versions held of caches and tags.
    pub versions: u64,
    /// Changes that servers told of.
    pub invalidations: u64,
    /// How often all keys were removed.
    pub flushes: u64,
    /// How often the connection was lost, and all that was held with it.
    pub losses: u64,
}

impl RedisCache {
    /// What this process holds itself; `None` where it does not hear of changes, and so holds nothing.
    #[must_use]
    pub fn near_stats(&self) -> Option<NearStats> {
        self.core.near.as_ref().map(|near| near.store.stats())
    }
}

impl Store {
    fn stats(&self) -> NearStats {
        let values = self.values().map(Cache::stats);
        let of_values = |count: fn(&Stats) -> u64| values.as_ref().map_or(0, count);
        NearStats {
            is_open: self.epoch().is_some(),
            entries: of_values(|stats| stats.entries),
            bytes: of_values(|stats| stats.bytes),
            evicted: of_values(|stats| stats.evicted_by_entries + stats.evicted_by_bytes),
            versions: self.versions().stats().entries,
            invalidations: self.counters.invalidations.load(Ordering::Relaxed),
            flushes: self.counters.flushes.load(Ordering::Relaxed),
            losses: self.counters.losses.load(Ordering::Relaxed),
        }
    }
}
