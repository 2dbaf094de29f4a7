//! What all clones of a cache share.

use super::{
    Refusal, Stats,
    key::Key,
    memo::{Changes, NotWorthWaiting},
    stats::Counters,
    stored::Stored,
};
use perfect21_core::Clock;
use perfect21_smart_cache::{Cache, Flight, flight::Leader};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What those who wait for a leader get.
#[derive(Clone)]
pub(super) enum Outcome {
    Stored(Arc<Stored>),
    /// Nothing to share: each asks the service.
    NotStored,
}

pub(super) type Lead = Leader<Arc<str>, Outcome>;

pub(super) struct Limits {
    pub(super) max_body_bytes: u64,
    pub(super) max_filling_bytes: u64,
    pub(super) max_wait: Duration,
}

pub(super) struct Shared {
    /// Strangers choose the keys: hashed so that they cannot make them collide.
    pub(super) store: Cache<Arc<str>, Arc<Stored>, RandomState>,
    pub(super) flight: Flight<Arc<str>, Outcome>,
    pub(super) counters: Counters,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
    not_worth_waiting: NotWorthWaiting,
    changes: Changes,
    filling_bytes: AtomicU64,
    made: Instant,
    hasher: RandomState,
}

impl Shared {
    pub(super) fn new(
        store: Cache<Arc<str>, Arc<Stored>, RandomState>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            flight: Flight::new(),
            counters: Counters::default(),
            limits,
            not_worth_waiting: NotWorthWaiting::new(),
            changes: Changes::new(),
            filling_bytes: AtomicU64::new(0),
            made: clock.now(),
            clock,
            hasher: RandomState::new(),
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let mut stats = self.counters.stats();
        let held = self.store.stats();
        (stats.entries, stats.bytes) = (held.entries, held.bytes);
        stats.filling_bytes = self.filling_bytes.load(Ordering::Relaxed);
        stats
    }

    /// How often the URI of this key, or one that shares its stripe, was changed.
    pub(super) fn changes_of(&self, key: &str) -> u64 {
        *self.changes.lock(self.hasher.hash_one(Key::uri_of(key)))
    }

    /// Stores an answer, unless its URI was changed since `changes` was read.
    pub(super) fn store(&self, key: &Arc<str>, stored: &Arc<Stored>, changes: u64) -> Result<(), Refusal> {
        let left = stored.fresh_for(self.clock.now()).ok_or(Refusal::Stale)?;
        let now = self.changes.lock(self.hasher.hash_one(Key::uri_of(key)));
        if *now != changes {
            return Err(Refusal::Overtaken);
        }
        let put = self.store.insert_with_ttl(Arc::clone(key), Arc::clone(stored), left);
        drop(now);
        put.map_err(|_| Refusal::TooLarge)?;
        self.counters.stored.increment();
        self.not_worth_waiting.forget(self.hasher.hash_one(&**key));
        Ok(())
    }

    /// Takes the answers of this URI away, and keeps those under way from being stored or waited for.
    pub(super) fn change(&self, key: Key) {
        self.counters.invalidations.increment();
        let mut changes = self.changes.lock(self.hasher.hash_one(key.uri()));
        *changes += 1;
        key.variants(|key| {
            drop(self.store.remove(key));
            // Only then: a request that leads in between may have found the answer that was removed, and
            // those who ask after this must not wait for it.
            self.flight.forget(key);
        });
    }

    /// As if every URI was changed.
    pub(super) fn clear(&self) {
        self.changes.all();
        self.store.clear();
        self.flight.forget_all();
    }

    /// Lets the next requests of this key pass without waiting for one another.
    pub(super) fn do_not_wait_for(&self, key: &str) {
        self.not_worth_waiting
            .note(self.hasher.hash_one(key), self.clock.now().saturating_duration_since(self.made));
    }

    /// Whether requests of this key pass without waiting.
    pub(super) fn is_not_worth_waiting(&self, key: &str, now: Instant) -> bool {
        self.not_worth_waiting.holds(self.hasher.hash_one(key), now.saturating_duration_since(self.made))
    }

    /// Counts bytes of a body that is being read; `false` if there are too many already.
    pub(super) fn take_filling(&self, bytes: u64) -> bool {
        let before = self.filling_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limits.max_filling_bytes;
        if !fits {
            self.give_filling(bytes);
        }
        fits
    }

    pub(super) fn give_filling(&self, bytes: u64) {
        self.filling_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCache")
            .field("name", &self.store.name())
            .field("max_entries", &self.store.max_entries())
            .field("max_bytes", &self.store.max_bytes())
            .field("max_body_bytes", &self.limits.max_body_bytes)
            .finish_non_exhaustive()
    }
}
