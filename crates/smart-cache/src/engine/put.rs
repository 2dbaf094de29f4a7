//! An insert, by the protocol of [`bound`](super::bound).

use super::{Cause, Engine, Hold, Item, Place, bound::ROUNDS, gone::Gone, shard::Shard, times::Moment};
use crate::{Full, sync::yield_now};
use std::hash::{BuildHasher, Hash};

/// By what right something is put in.
pub(crate) enum Claim<'a> {
    /// A write: it overtakes a load under way.
    Write,
    /// A load, that may have been overtaken.
    Load(u64),
    /// A write that is made from what was there, which may have changed.
    Change(u64),
    /// A write, if there is nothing.
    IfAbsent,
    /// A write, if somebody else says so, under the lock.
    If(&'a mut dyn FnMut() -> bool),
}

/// Whether it was put in, and the loads that it overtook.
pub(crate) struct Put<K, V> {
    pub(crate) result: Result<bool, Full<V>>,
    pub(crate) overtaken: Vec<K>,
}

struct Operation<'a, 'c, K, V> {
    place: Place,
    claim: Claim<'c>,
    moment: Moment<'a>,
    gone: Gone<'a, K, V>,
    hold: Hold<'a>,
    overtaken: Vec<K>,
}

impl<K: Hash + Eq, V, S: BuildHasher> Engine<K, V, S> {
    /// Puts a value in; `weight` is what it weighs, whether all weigh the same or not.
    pub(crate) fn put(
        &self,
        place: Place,
        item: Item<K, V>,
        claim: Claim<'_>,
        moment: Moment<'_>,
    ) -> Put<K, V> {
        let (gone, hold, overtaken) = (self.gone(), self.hold(), Vec::new());
        let mut op = Operation { place, claim, moment, gone, hold, overtaken };
        let result = self.run(&mut op, item);
        // Here and below: what panics in a drop at the end of a function would leak its result.
        let Operation { gone, hold, overtaken, .. } = op;
        drop((gone, hold));
        Put { result, overtaken }
    }

    fn run(&self, op: &mut Operation<'_, '_, K, V>, mut item: Item<K, V>) -> Result<bool, Full<V>> {
        let weight = item.weight;
        if weight > self.ledger.limit() {
            return self.refuse(op, item, weight);
        }
        if self.fixed.is_some() {
            item.weight = 0;
        }
        for round in 0..=ROUNDS {
            let mut shard = self.lock(op.place);
            if !claims(op, &mut shard, &item.key) {
                drop(shard);
                return Ok(false);
            }
            item = match shard.place(item, self.full_cause(), &op.moment, &mut op.gone, &mut op.hold) {
                Ok(()) => return Ok(true),
                Err(item) => item,
            };
            drop(shard);
            if round < ROUNDS && !self.gather(op, item.weight, round + 1 == ROUNDS) {
                op.hold.give_back();
                yield_now();
            }
        }
        self.refuse(op, item, weight)
    }

    /// Why an entry leaves where the budget of its shard is used up.
    fn full_cause(&self) -> Cause {
        match self.fixed {
            Some(each) if each > 0 && self.ledger.limit() / each < self.max_entries() as u64 => Cause::Bytes,
            _ => Cause::Entries,
        }
    }

    /// Makes room in the other shards.
    #[cold]
    fn gather(&self, op: &mut Operation<'_, '_, K, V>, weight: u64, waits: bool) -> bool {
        let shards = self.shards.len();
        for step in 1..shards {
            if op.hold.reach(weight) {
                return true;
            }
            let lock = &self.shards[(op.place.shard + step) % shards].0;
            let shard = if waits { Some(lock.lock()) } else { lock.try_lock() };
            let Some(mut shard) = shard else { continue };
            while !op.hold.reach(weight) && shard.evict(Cause::Bytes, &op.moment, &mut op.gone, &mut op.hold)
            {
            }
        }
        op.hold.reach(weight)
    }

    /// Gives the value back. What was under its key is out of date.
    #[cold]
    fn refuse(
        &self,
        op: &mut Operation<'_, '_, K, V>,
        item: Item<K, V>,
        weight: u64,
    ) -> Result<bool, Full<V>> {
        let mut shard = self.lock(op.place);
        if !claims(op, &mut shard, &item.key) {
            drop(shard);
            return Ok(false);
        }
        shard.counts.refused += 1;
        if let Some(entry) = shard.take(op.place.hash, &item.key, &mut op.hold) {
            *shard.counts.of(Cause::Replaced) += 1;
            op.gone.push(entry, Cause::Replaced);
        }
        drop(shard);
        let Item { key, value, .. } = item;
        drop(key);
        Err(Full { value, weight, max_bytes: self.ledger.limit() })
    }
}

/// Whether it may still be stored; then it takes what is under way of its key out of the way.
fn claims<K: Eq, V>(op: &mut Operation<'_, '_, K, V>, shard: &mut Shard<K, V>, key: &K) -> bool {
    let (hash, moment) = (op.place.hash, &op.moment);
    let may = match &mut op.claim {
        Claim::Write => true,
        Claim::Load(number) | Claim::Change(number) => shard.loads.may_store(hash, *number),
        Claim::IfAbsent => {
            shard.table.find_mut(hash, |entry| entry.key == *key).is_none_or(|entry| moment.is_over(entry))
        }
        Claim::If(may) => may(),
    };
    if may && !shard.loads.is_empty() {
        let overtaken = match op.claim {
            Claim::Load(_) => shard.loads.overtake_changes(hash, key),
            Claim::Change(number) => shard.loads.overtake_others(hash, key, number),
            _ => shard.loads.overtake(hash, key),
        };
        op.overtaken.extend(overtaken);
    }
    may
}
