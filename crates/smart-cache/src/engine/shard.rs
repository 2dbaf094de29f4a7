//! What one lock guards. Nothing here drops a value: what leaves goes into a [`Gone`].

use super::{
    bound::Hold,
    entry::Entry,
    gone::{Cause, Gone},
    loads::Loads,
    table::Table,
    times::{Moment, NEVER},
    weights::Weights,
};
use crate::{
    policy::{Look, Mark, Node, Policy, Queue, Residents},
    stats::Counts,
};
use equivalent::Equivalent;

/// Buckets that a write looks into for entries whose time is over.
const SWEPT: usize = 4;

/// What a hit touches comes first: with the lock it is one cache line.
#[repr(C)]
pub(crate) struct Shard<K, V> {
    pub(crate) table: Table<Entry<K, V>>,
    pub(crate) counts: Counts,
    /// Whether any entry ever had a deadline.
    dated: bool,
    /// The most entries.
    pub(crate) budget: usize,
    pub(crate) loads: Loads<K>,
    policy: Policy,
    weights: Weights,
    swept: usize,
    ages_at: u64,
}

/// An entry to be.
pub(crate) struct Item<K, V> {
    pub(crate) hash: u32,
    pub(crate) key: K,
    pub(crate) value: V,
    pub(crate) weight: u64,
    pub(crate) deadline: u64,
    /// Where it will be queued, once that is known.
    pub(crate) queue: Option<Queue>,
}

pub(crate) enum Found<'a, V> {
    Live(&'a V),
    Over(Mark),
    Nothing,
}

struct View<'a, K, V> {
    table: &'a mut Table<Entry<K, V>>,
    dated: bool,
    moment: &'a Moment<'a>,
}

impl<K, V> Residents for View<'_, K, V> {
    fn look(&mut self, node: Node) -> Look<'_> {
        match self.table.find_mut(node.hash, |entry| entry.mark.is_of(node)) {
            None => Look::Gone,
            Some(entry) if self.dated && self.moment.is_over(entry) => Look::Expired(entry.mark),
            Some(entry) => Look::Live(&mut entry.mark),
        }
    }
}

impl<K: Eq, V> Shard<K, V> {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            table: Table::new(),
            counts: Counts::default(),
            dated: false,
            budget,
            loads: Loads::new(),
            policy: Policy::new(),
            weights: Weights::default(),
            swept: 0,
            ages_at: 1 << 31,
        }
    }

    /// Looks an entry up. One that is live is hit.
    #[inline]
    pub(crate) fn find<Q: Equivalent<K> + ?Sized>(
        &mut self,
        hash: u32,
        key: &Q,
        moment: &Moment<'_>,
    ) -> Found<'_, V> {
        if moment.idles() {
            self.age(moment);
        }
        let Some(entry) = self.table.find_mut(hash, |entry| key.equivalent(&entry.key)) else {
            return Found::Nothing;
        };
        if (entry.deadline != NEVER || moment.idles()) && moment.is_over(entry) {
            return Found::Over(entry.mark);
        }
        entry.mark.hit();
        moment.touch(entry);
        Found::Live(&entry.value)
    }

    /// Takes out what [`find`](Self::find) found to be over.
    pub(crate) fn expire(&mut self, hash: u32, mark: Mark, gone: &mut Gone<'_, K, V>, freed: &mut Hold<'_>) {
        if let Some(entry) = self.table.remove(hash, |entry| entry.mark == mark) {
            self.counts.expired += 1;
            self.account_left(&entry, freed);
            gone.push(entry, Cause::Expired);
        }
    }

    /// Wrapping ticks tell ages up to 2^32 apart: what is over by then is marked for good.
    fn age(&mut self, moment: &Moment<'_>) {
        let Some(next) = moment.ages(self.ages_at) else { return };
        self.ages_at = next;
        for entry in self.table.iter_mut() {
            if moment.is_over(entry) {
                entry.deadline = 0;
            }
        }
    }

    /// Takes an entry out, whether its time is over or not.
    pub(crate) fn take<Q: Equivalent<K> + ?Sized>(
        &mut self,
        hash: u32,
        key: &Q,
        freed: &mut Hold<'_>,
    ) -> Option<Entry<K, V>> {
        let entry = self.table.remove(hash, |entry| key.equivalent(&entry.key))?;
        self.account_left(&entry, freed);
        Some(entry)
    }

    fn account_left(&mut self, entry: &Entry<K, V>, freed: &mut Hold<'_>) {
        freed.add(self.weights.release(entry.weight));
        self.policy.left(entry.mark);
    }

    /// Reads the clock if it will be: it is not ours and may panic, and must not in the midst of a change.
    pub(crate) fn settle(&self, moment: &Moment<'_>) {
        if self.dated {
            moment.settle();
        }
    }

    /// Makes who is next leave; `false` if there is nobody.
    pub(crate) fn evict(
        &mut self,
        cause: Cause,
        moment: &Moment<'_>,
        gone: &mut Gone<'_, K, V>,
        freed: &mut Hold<'_>,
    ) -> bool {
        self.settle(moment);
        let mut view = View { table: &mut self.table, dated: self.dated, moment };
        let Some(node) = self.policy.victim(&mut view) else { return false };
        let Some(entry) = self.table.remove(node.hash, |entry| entry.mark.is_of(node)) else { return false };
        let cause = if self.dated && moment.is_over(&entry) { Cause::Expired } else { cause };
        *self.counts.of(cause) += 1;
        freed.add(self.weights.release(entry.weight));
        gone.push(entry, cause);
        true
    }

    /// Puts the item in, by what is in its hold, by what can be taken of the account and by evictions from here. Gives
    /// it back if that is not enough; then nothing is left under its key.
    pub(crate) fn place(
        &mut self,
        item: Item<K, V>,
        full: Cause,
        moment: &Moment<'_>,
        gone: &mut Gone<'_, K, V>,
        hold: &mut Hold<'_>,
    ) -> Result<(), Item<K, V>> {
        self.dated |= item.deadline != NEVER || moment.idles();
        self.sweep_some(moment, gone, hold);
        let mut item = match self.replace(item, moment, gone, hold) {
            Ok(()) => return Ok(()),
            Err(item) => item,
        };
        let queue = *item.queue.get_or_insert_with(|| self.policy.admit(item.hash));
        while self.table.len() >= self.budget {
            if !self.evict(full, moment, gone, hold) {
                return Err(item);
            }
        }
        while !hold.reach(item.weight) {
            if !self.evict(Cause::Bytes, moment, gone, hold) {
                return Err(item);
            }
        }
        hold.spend(item.weight);
        let (mark, weight) = (self.policy.push(item.hash, queue), self.weights.pack(item.weight));
        let Item { hash, key, value, deadline, .. } = item;
        self.table.insert(Entry { key, value, deadline, hash, mark, weight, touched: moment.tick() });
        self.counts.inserts += 1;
        Ok(())
    }

    /// Puts the item where one of its key is, if the weight is there; else that one leaves.
    fn replace(
        &mut self,
        item: Item<K, V>,
        moment: &Moment<'_>,
        gone: &mut Gone<'_, K, V>,
        hold: &mut Hold<'_>,
    ) -> Result<(), Item<K, V>> {
        let Some(entry) = self.table.find_mut(item.hash, |entry| entry.key == item.key) else {
            return Err(item);
        };
        let over = self.dated && moment.is_over(entry);
        let cause = if over { Cause::Expired } else { Cause::Replaced };
        // Until the new value is there, the hold has the weight of the old one.
        let old = self.weights.of(entry.weight);
        hold.add(old);
        if !hold.reach(item.weight) {
            let mark = entry.mark;
            let entry = self.table.remove(item.hash, |entry| entry.mark == mark);
            *self.counts.of(cause) += 1;
            if let Some(entry) = entry {
                self.weights.release(entry.weight);
                self.policy.left(entry.mark);
                gone.push(entry, cause);
            }
            return Err(item);
        }
        self.weights.release(entry.weight);
        entry.weight = self.weights.pack(item.weight);
        hold.spend(item.weight);
        entry.deadline = item.deadline;
        entry.mark.hit();
        entry.touched = moment.tick();
        let value = std::mem::replace(&mut entry.value, item.value);
        gone.push_pair(item.key, value, cause);
        *self.counts.of(cause) += 1;
        self.counts.inserts += 1;
        Ok(())
    }

    /// Takes those out whose time is over, of a few buckets.
    fn sweep_some(&mut self, moment: &Moment<'_>, gone: &mut Gone<'_, K, V>, freed: &mut Hold<'_>) {
        let buckets = if self.dated { self.table.buckets() } else { 0 };
        for _ in 0..SWEPT.min(buckets) {
            self.swept = (self.swept + 1) % buckets;
            if let Some(entry) = self.table.take_at(self.swept, |entry| moment.is_over(entry)) {
                self.counts.expired += 1;
                self.account_left(&entry, freed);
                gone.push(entry, Cause::Expired);
            }
        }
        self.tidy(moment);
    }

    /// Takes out what `wanted` says yes to: O(entries).
    pub(crate) fn extract(
        &mut self,
        cause: Cause,
        moment: &Moment<'_>,
        gone: &mut Gone<'_, K, V>,
        freed: &mut Hold<'_>,
        mut wanted: impl FnMut(&Entry<K, V>) -> bool,
    ) -> Extracted {
        let mut extracted = Extracted::default();
        for entry in self.table.extract(|entry| wanted(entry)) {
            let weight = self.weights.release(entry.weight);
            extracted.entries += 1;
            extracted.bytes += weight;
            freed.add(weight);
            self.policy.left(entry.mark);
            *self.counts.of(cause) += 1;
            gone.push(entry, cause);
        }
        self.tidy(moment);
        self.table.shrink();
        extracted
    }

    /// Drops the places in the queues of entries that left on their own, when they are many.
    pub(crate) fn tidy(&mut self, moment: &Moment<'_>) {
        if self.policy.wants_compact() {
            self.policy.compact(&mut View { table: &mut self.table, dated: false, moment });
        }
    }
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Extracted {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}
