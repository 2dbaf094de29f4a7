//! The loads of a store's keys: which may still be stored, and what they and the lookups come to.

use crate::{Flight, engine::Loads, load::Ended, stats::Counts};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use std::{
    hash::{BuildHasher, Hash},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// So that loads of different keys seldom wait for each other; a power of two.
const STRIPES: usize = 16;

pub(super) struct UnderWay<K, V> {
    pub(super) flight: Flight<K, V>,
    hasher: RandomState,
    stripes: [Mutex<Loads<K>>; STRIPES],
    pub(super) lookups: Lookups,
    counts: Mutex<Counts>,
}

/// Counted without a lock.
#[derive(Default)]
pub(super) struct Lookups {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Lookups {
    pub(super) fn count(&self, hit: bool) {
        let count = if hit { &self.hits } else { &self.misses };
        count.fetch_add(1, Relaxed);
    }
}

impl<K: Hash + Eq, V> UnderWay<K, V> {
    pub(super) fn new() -> Self {
        Self {
            flight: Flight::new(),
            hasher: RandomState::default(),
            stripes: std::array::from_fn(|_| Mutex::new(Loads::new())),
            lookups: Lookups::default(),
            counts: Mutex::default(),
        }
    }

    pub(super) fn place(&self, key: &K) -> (u32, &Mutex<Loads<K>>) {
        let hash = self.hasher.hash_one(key);
        #[allow(clippy::cast_possible_truncation, reason = "two parts of a hash")]
        (hash as u32, &self.stripes[(hash >> 32) as usize % STRIPES])
    }

    pub(super) fn begin(&self, key: K) -> u64 {
        let (hash, stripe) = self.place(&key);
        let (number, overtaken) = stripe.lock().begin(hash, key);
        drop(overtaken);
        self.count(|counts| counts.loads += 1);
        number
    }

    pub(super) fn may_store<'a>(&'a self, key: &K, load: u64) -> impl FnMut() -> bool + use<'a, K, V> {
        let (hash, stripe) = self.place(key);
        move || stripe.lock().may_store(hash, load)
    }

    pub(super) fn end(&self, key: &K, load: u64, ended: Ended) {
        let (hash, stripe) = self.place(key);
        let key = stripe.lock().end(hash, load);
        drop(key);
        self.count(|counts| counts.load_ended(ended));
    }

    /// Called before a write of the key, so that a load that began earlier is not stored over it, and
    /// after it, since a load that began in between may have found what was there before.
    pub(super) fn overtake(&self, key: &K) {
        let (hash, stripe) = self.place(key);
        let overtaken = stripe.lock().overtake(hash, key);
        overtaken.iter().for_each(|key| self.flight.forget(key));
    }

    /// Overtakes the loads of a key by its hash alone, for a write that has given its key away.
    pub(super) fn overtake_after(&self, place: (u32, &Mutex<Loads<K>>)) {
        let overtaken = place.1.lock().overtake_hash(place.0);
        overtaken.iter().for_each(|key| self.flight.forget(key));
    }

    pub(super) fn overtake_all(&self) {
        for stripe in &self.stripes {
            let overtaken = stripe.lock().overtake_all();
            overtaken.iter().for_each(|key| self.flight.forget(key));
        }
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.counts.lock());
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = *self.counts.lock();
        counts.hits = self.lookups.hits.load(Relaxed);
        counts.misses = self.lookups.misses.load(Relaxed);
        counts
    }
}
