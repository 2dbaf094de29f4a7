//! What a cache's operations cost: the loads, and our cache under them, which `ops` measures alone and `versus` beside
//! the peers.
#![forbid(unsafe_code)]

mod keys;
mod load;

pub use crate::{
    keys::{Keys, zipf},
    load::Load,
};

use foldhash::fast::{FixedState, RandomState};
use perfect21_smart_cache::Cache;

/// A cache of `u64` to `u64`, ours or a peer.
pub trait Subject: Send + Sync + 'static {
    /// Its name in tables.
    const NAME: &'static str;

    /// An empty one with room for so many entries.
    fn with_capacity(entries: usize) -> Self;

    /// Looks a key up.
    fn get(&self, key: u64) -> Option<u64>;

    /// Puts a value in.
    fn insert(&self, key: u64, value: u64);
}

/// How the peers hash their keys, where that can be chosen: as ours do.
pub type SameHasher = RandomState;

/// Our cache.
#[derive(Debug)]
pub struct Ours(Cache<u64, u64>);

impl Subject for Ours {
    const NAME: &'static str = "ours";

    fn with_capacity(entries: usize) -> Self {
        let cache = Cache::builder().max_entries(entries).max_bytes(u64::MAX).build();
        Self(cache.expect("settings are valid"))
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        // Never refused: its weight is nothing to its bound.
        let _ = self.0.insert(key, value);
    }
}

/// Our cache, with a hasher that is the same in each run: for counting instructions.
#[derive(Debug)]
#[non_exhaustive]
pub struct SameEachRun(pub Cache<u64, u64, FixedState>);

impl Subject for SameEachRun {
    const NAME: &'static str = "ours with a fixed seed";

    fn with_capacity(entries: usize) -> Self {
        let builder = Cache::builder().max_entries(entries).max_bytes(u64::MAX);
        Self(builder.hasher(FixedState::default()).build().expect("settings are valid"))
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        // Never refused: its weight is nothing to its bound.
        let _ = self.0.insert(key, value);
    }
}

/// Our cache, with a miss curve.
#[derive(Debug)]
#[non_exhaustive]
pub struct WithCurve(pub Cache<u64, u64>);

impl Subject for WithCurve {
    const NAME: &'static str = "ours with a miss curve";

    fn with_capacity(entries: usize) -> Self {
        let cache = Cache::builder().max_entries(entries).max_bytes(u64::MAX).miss_curve(true).build();
        Self(cache.expect("settings are valid"))
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        // Never refused: its weight is nothing to its bound.
        let _ = self.0.insert(key, value);
    }
}
