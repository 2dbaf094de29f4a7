//! The peers, each on its documented fast path, with the hasher of ours.

use foyer_memory::{CacheBuilder, S3FifoConfig};
use parking_lot::Mutex;
use perfect21_bench_smart_cache::{SameHasher, Subject};
use std::num::NonZeroUsize;

/// The peers that only say how they are made, looked up in and put into.
macro_rules! peer {
    ($type:ident, $name:literal, $inner:ty, $make:expr, $get:expr, $insert:expr) => {
        pub(crate) struct $type($inner);

        impl Subject for $type {
            const NAME: &'static str = $name;

            fn with_capacity(entries: usize) -> Self {
                let make: fn(usize) -> $inner = $make;
                Self(make(entries))
            }

            #[inline]
            fn get(&self, key: u64) -> Option<u64> {
                let get: fn(&$inner, u64) -> Option<u64> = $get;
                get(&self.0, key)
            }

            #[inline]
            fn insert(&self, key: u64, value: u64) {
                let insert: fn(&$inner, u64, u64) = $insert;
                insert(&self.0, key, value);
            }
        }
    };
}

peer!(
    QuickCache,
    "quick_cache",
    quick_cache::sync::Cache<u64, u64, quick_cache::UnitWeighter, SameHasher>,
    |entries| quick_cache::sync::Cache::with(
        entries,
        entries as u64,
        quick_cache::UnitWeighter,
        SameHasher::default(),
        quick_cache::sync::DefaultLifecycle::default(),
    ),
    |cache, key| cache.get(&key),
    |cache, key, value| cache.insert(key, value)
);

peer!(
    Moka,
    "moka",
    moka::sync::Cache<u64, u64, SameHasher>,
    |entries| moka::sync::Cache::builder()
        .max_capacity(entries as u64)
        .build_with_hasher(SameHasher::default()),
    |cache, key| cache.get(&key),
    |cache, key, value| cache.insert(key, value)
);

peer!(
    MiniMoka,
    "mini-moka",
    mini_moka::sync::Cache<u64, u64, SameHasher>,
    |entries| mini_moka::sync::Cache::builder()
        .max_capacity(entries as u64)
        .build_with_hasher(SameHasher::default()),
    |cache, key| cache.get(&key),
    |cache, key, value| cache.insert(key, value)
);

peer!(
    FoyerS3,
    "foyer S3-FIFO",
    foyer_memory::Cache<u64, u64, SameHasher>,
    |entries| CacheBuilder::new(entries)
        .with_shards(16.min(entries))
        .with_eviction_config(S3FifoConfig::default())
        .with_hash_builder(SameHasher::default())
        .build(),
    |cache, key| cache.get(&key).map(|entry| *entry.value()),
    |cache, key, value| drop(cache.insert(key, value))
);

peer!(
    LockedLru,
    "Mutex of lru",
    Mutex<lru::LruCache<u64, u64, SameHasher>>,
    |entries| Mutex::new(lru::LruCache::with_hasher(
        NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN),
        SameHasher::default(),
    )),
    |cache, key| cache.lock().get(&key).copied(),
    |cache, key, value| {
        cache.lock().put(key, value);
    }
);
