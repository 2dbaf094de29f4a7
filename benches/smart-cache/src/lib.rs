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
use perfect21_smart_cache::{Builder, Cache};

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

/// Our cache, built in several ways.
macro_rules! ours {
    ($($(#[$doc:meta])* $name:ident($cache:ty), $label:literal, $settings:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        #[non_exhaustive]
        pub struct $name(pub $cache);

        impl Subject for $name {
            const NAME: &'static str = $label;

            fn with_capacity(entries: usize) -> Self {
                let builder = Cache::builder().max_entries(entries).max_bytes(u64::MAX);
                let settings = $settings;
                Self(settings(builder).build().expect("settings are valid"))
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
    )*};
}

ours! {
    /// As it is by default.
    Ours(Cache<u64, u64>), "ours", |builder: Builder<u64, u64>| builder;
    /// With a hasher that is the same in each run: for counting instructions.
    SameEachRun(Cache<u64, u64, FixedState>), "ours with a fixed seed",
        |builder: Builder<u64, u64>| builder.hasher(FixedState::default());
    /// With a miss curve.
    WithCurve(Cache<u64, u64>), "ours with a miss curve", |builder: Builder<u64, u64>| builder.miss_curve(true);
}
