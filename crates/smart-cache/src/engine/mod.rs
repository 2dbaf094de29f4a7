//! The shards, and what goes over more than one of them.
//!
//! Locks are taken one at a time. Under one run only `Eq`, `Clone`, a predicate of [`Engine::retain`] and the clock.

pub(crate) mod bound;
mod entry;
pub(crate) mod gone;
mod loads;
mod lock;
#[cfg(all(test, perfect21_loom))]
mod models;
mod plan;
mod put;
mod resize;
mod shard;
pub(crate) mod table;
pub(crate) mod times;
mod weights;

pub(crate) use loads::Loads;
pub(crate) use plan::Plan;
pub(crate) use put::{Claim, Put};
pub(crate) use shard::{Extracted, Item};

use crate::stats::Counts;
use bound::{Hold, Ledger};
use equivalent::Equivalent;
use gone::{Cause, Gone, Listener};
use lock::{Guard, Lock};
use shard::{Found, Shard};
use std::{
    hash::{BuildHasher, Hash},
    sync::atomic::{AtomicUsize, Ordering},
};
use times::{Moment, Times};

/// Keeps the locks of two shards out of one cache line, and of one pair of lines.
#[repr(align(128))]
struct Padded<T>(T);

type Shards<K, V> = Box<[Padded<Lock<Shard<K, V>>>]>;

pub(crate) struct Engine<K, V, S> {
    shards: Shards<K, V>,
    hasher: S,
    ledger: Ledger,
    /// What every entry weighs, where all weigh the same: then bytes are bound by the number of entries.
    fixed: Option<u64>,
    /// The bound that users are told.
    max_entries: AtomicUsize,
    times: Times,
    listener: Option<Listener<K, V>>,
    resizing: parking_lot::Mutex<()>,
}

/// A copy of an entry.
pub(crate) struct Copied<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
    /// How long it lives yet; `None` is for ever.
    pub(crate) left: Option<std::time::Duration>,
    pub(crate) heat: u8,
}

/// What was taken out, what that overtook, and whether it was to be done at all.
pub(crate) struct Removed<K, V> {
    pub(crate) entry: Option<(K, V)>,
    pub(crate) overtaken: Vec<K>,
    pub(crate) done: bool,
}

/// Where an entry belongs: a shard, and a hash within it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    shard: usize,
    pub(crate) hash: u32,
}

impl<K: Hash + Eq, V, S: BuildHasher> Engine<K, V, S> {
    pub(crate) fn new(plan: &Plan, hasher: S, times: Times, listener: Option<Listener<K, V>>) -> Self {
        let shards = plan.budgets().map(|budget| Padded(Lock::new(Shard::new(budget)))).collect();
        Self {
            shards,
            hasher,
            ledger: Ledger::new(plan.max_bytes),
            fixed: plan.fixed,
            max_entries: AtomicUsize::new(plan.max_entries),
            times,
            listener,
            resizing: parking_lot::Mutex::new(()),
        }
    }

    /// Multiplied first, so that a hasher that only fills low bits still fills all shards.
    #[inline]
    pub(crate) fn place<Q: Hash + ?Sized>(&self, key: &Q) -> Place {
        let mixed = self.hasher.hash_one(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Place { shard: (((mixed >> 32) * self.shards.len() as u64) >> 32) as usize, hash: mixed as u32 }
    }

    #[inline]
    pub(crate) fn moment(&self) -> Moment<'_> {
        self.times.moment()
    }

    pub(crate) fn times(&self) -> &Times {
        &self.times
    }

    #[inline]
    fn lock(&self, place: Place) -> Guard<'_, Shard<K, V>> {
        self.shards[place.shard].0.lock()
    }

    fn gone(&self) -> Gone<'_, K, V> {
        Gone::new(self.listener.as_ref())
    }

    fn hold(&self) -> Hold<'_> {
        Hold::new(&self.ledger)
    }

    #[inline]
    pub(crate) fn get<Q>(&self, place: Place, key: &Q, count: impl FnOnce(&mut Counts, bool)) -> Option<V>
    where
        Q: Equivalent<K> + ?Sized,
        V: Clone,
    {
        let moment = self.times.moment();
        let mut guard = self.lock(place);
        let shard = &mut *guard;
        match shard.find(place.hash, key, &moment) {
            Found::Live(value) => {
                let value = value.clone();
                count(&mut shard.counts, true);
                Some(value)
            }
            Found::Nothing => {
                count(&mut shard.counts, false);
                None
            }
            Found::Over(mark) => {
                count(&mut shard.counts, false);
                self.expire(guard, place.hash, mark);
                None
            }
        }
    }

    #[cold]
    fn expire(&self, guard: Guard<'_, Shard<K, V>>, hash: u32, mark: crate::policy::Mark) {
        let (mut gone, mut freed) = (self.gone(), self.hold());
        let mut shard = guard;
        shard.expire(hash, mark, &mut gone, &mut freed);
    }

    /// Takes a live value out, unless `change` is no longer what is there; and all that is under way of the key, which it
    /// overtakes.
    pub(crate) fn remove<Q>(&self, place: Place, key: &Q, change: Option<u64>) -> Removed<K, V>
    where
        Q: Equivalent<K> + ?Sized,
    {
        let moment = self.times.moment();
        let (mut gone, mut freed) = (self.gone(), self.hold());
        let mut shard = self.lock(place);
        if change.is_some_and(|change| !shard.loads.may_store(place.hash, change)) {
            return Removed { entry: None, overtaken: Vec::new(), done: false };
        }
        shard.settle(&moment);
        let overtaken = shard.loads.overtake(place.hash, key);
        let entry = shard.take(place.hash, key, &mut freed);
        let Some(entry) = entry else { return Removed { entry: None, overtaken, done: true } };
        if moment.is_over(&entry) {
            shard.counts.expired += 1;
            gone.push(entry, Cause::Expired);
            return Removed { entry: None, overtaken, done: true };
        }
        shard.counts.removed += 1;
        shard.tidy(&moment);
        drop(shard);
        Removed { entry: Some((entry.key, entry.value)), overtaken, done: true }
    }

    pub(crate) fn listener(&self) -> Option<&Listener<K, V>> {
        self.listener.as_ref()
    }

    /// Takes out what `wanted` says yes to, from all shards in turn; loads under way do not store if `and_loads`.
    pub(crate) fn extract(
        &self,
        cause: Cause,
        and_loads: bool,
        mut wanted: impl FnMut(&K, &V, bool) -> bool,
    ) -> (Extracted, Vec<K>) {
        let (mut sum, mut overtaken) = (Extracted::default(), Vec::new());
        for shard in &self.shards {
            let moment = self.times.moment();
            let (mut gone, mut freed) = (self.gone(), self.hold());
            let mut shard = shard.0.lock();
            if and_loads {
                overtaken.extend(shard.loads.overtake_all());
            }
            let extracted = shard.extract(cause, &moment, &mut gone, &mut freed, |entry| {
                wanted(&entry.key, &entry.value, moment.is_over(entry))
            });
            drop(shard);
            sum.entries += extracted.entries;
            sum.bytes += self.fixed.map_or(extracted.bytes, |each| each * extracted.entries);
        }
        (sum, overtaken)
    }

    /// Evicts from a shard while `more` says so, but no more than `most` under one hold of its lock.
    fn evict_while(
        &self,
        shard: usize,
        cause: Cause,
        most: usize,
        mut more: impl FnMut(&Shard<K, V>, &Hold<'_>) -> bool,
    ) -> Extracted {
        let moment = self.times.moment();
        let (mut gone, mut freed) = (self.gone(), self.hold());
        let mut shard = self.shards[shard].0.lock();
        let mut evicted = 0;
        while evicted < most && more(&shard, &freed) && shard.evict(cause, &moment, &mut gone, &mut freed) {
            evicted += 1;
        }
        drop(shard);
        let entries = evicted as u64;
        Extracted { entries, bytes: self.fixed.map_or(freed.bytes(), |each| each * entries) }
    }

    /// Whether there is a live entry, without a hit.
    pub(crate) fn holds(&self, place: Place, key: &K) -> bool {
        let moment = self.times.moment();
        let mut shard = self.lock(place);
        let entry = shard.table.find_mut(place.hash, |entry| entry.key == *key);
        entry.is_some_and(|entry| !moment.is_over(entry))
    }

    /// Copies all live entries, shard by shard.
    pub(crate) fn copies(&self) -> impl Iterator<Item = Vec<Copied<K, V>>>
    where
        K: Clone,
        V: Clone,
    {
        self.shards.iter().map(|shard| {
            let moment = self.times.moment();
            // Before the guard: should a `Clone` panic, the copies are dropped after it.
            let mut copies = Vec::new();
            let shard = shard.0.lock();
            let live = shard.table.iter().filter(|entry| !moment.is_over(entry));
            let copy = |entry: &entry::Entry<K, V>| Copied {
                key: entry.key.clone(),
                value: entry.value.clone(),
                left: moment.left(entry),
                heat: entry.mark.heat(),
            };
            copies.extend(live.map(copy));
            copies
        })
    }

    pub(crate) fn with_loads<R>(
        &self,
        place: Place,
        work: impl FnOnce(&mut Loads<K>, &mut Counts) -> R,
    ) -> R {
        let mut guard = self.lock(place);
        let shard = &mut *guard;
        work(&mut shard.loads, &mut shard.counts)
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.lock().table.len()).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.fixed.map_or_else(|| self.ledger.used(), |each| each * self.len() as u64)
    }

    /// The counts of all shards, read in turn, and the entries.
    pub(crate) fn counts(&self) -> (Counts, usize) {
        self.shards.iter().fold((Counts::default(), 0), |(mut counts, len), shard| {
            let shard = shard.0.lock();
            counts.add(&shard.counts);
            (counts, len + shard.table.len())
        })
    }
}

impl<K, V, S> Engine<K, V, S> {
    pub(crate) fn now(&self) -> std::time::Instant {
        self.times.clock().now()
    }

    pub(crate) fn wall(&self) -> std::time::SystemTime {
        self.times.clock().wall()
    }

    /// How many entries both bounds allow.
    pub(crate) fn entries(&self) -> usize {
        plan::entries(self.max_entries(), self.max_bytes(), self.fixed)
    }

    pub(crate) fn max_entries(&self) -> usize {
        self.max_entries.load(Ordering::Acquire)
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        self.ledger.shown()
    }
}
