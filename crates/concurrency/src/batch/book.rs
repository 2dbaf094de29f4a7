//! All batches that have not begun, and which is next: no clock, no tasks.

use super::{
    batch::{Arrival, Batch, Begun, Equal},
    round::Round,
    stats::Stats,
};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::{collections::VecDeque, hash::Hash, mem, sync::Arc, task::Waker, time::Duration};
use tokio::time::Instant;

/// So many entries of batches that are gone may lie between the deadlines, or as many as there are batches.
const STALE: usize = 64;

#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) max_size: usize,
    pub(super) max_weight: u64,
    pub(super) max_wait: Duration,
    pub(super) max_in_flight: usize,
    pub(super) max_waiting: usize,
    pub(super) max_keys: usize,
}

pub(super) struct Book<I, O, E, K> {
    bounds: Bounds,
    /// The batch of each key that still takes items.
    open: HashMap<K, u64, RandomState>,
    batches: HashMap<u64, Batch<I, O, E, K>, RandomState>,
    /// Full, too old or flushed; in this order they begin. One that is not full takes items until it does.
    ready: VecDeque<u64>,
    /// When each batch has waited long enough, the oldest first. Those of batches that are gone are dropped in time.
    deadlines: VecDeque<(Instant, u64)>,
    ids: u64,
    waiting: usize,
    in_flight: usize,
    pub(super) closed: bool,
    /// A task waits for the first deadline.
    pub(super) timer: bool,
    pub(super) counts: Stats,
}

/// Where a caller stands.
pub(super) struct Place<O, E> {
    pub(super) batch: u64,
    pub(super) caller: usize,
    pub(super) entry: usize,
    pub(super) round: Arc<Round<O, E>>,
}

/// Why a batch begins.
#[derive(Debug, Clone, Copy)]
enum Cause {
    Filled,
    Waited,
    Flushed,
}

impl<I, O, E, K: Hash + Eq + Clone> Book<I, O, E, K> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            open: HashMap::default(),
            batches: HashMap::default(),
            ready: VecDeque::new(),
            deadlines: VecDeque::new(),
            ids: 0,
            waiting: 0,
            in_flight: 0,
            closed: false,
            timer: false,
            counts: Stats::default(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting >= self.bounds.max_waiting
    }

    pub(super) fn is_drained(&self) -> bool {
        self.closed && self.in_flight == 0 && self.batches.is_empty()
    }

    /// Puts an item into its key's batch.
    pub(super) fn add(&mut self, key: K, arrival: Arrival<I>, equal: Option<&Equal<I, O>>) -> Place<O, E> {
        let mut found = self.open.get(&key).copied();
        if let (Some(id), Some(equal)) = (found, equal)
            && let Some(entry) = self.batches[&id].find(&arrival, equal)
        {
            self.counts.deduplicated += 1;
            return self.join(id, entry, arrival.waker);
        }
        // One that is heavier than a batch may be goes alone.
        if let Some(id) = found
            && self.batches[&id].weight.saturating_add(arrival.weight) > self.bounds.max_weight
        {
            self.fill(id);
            found = None;
        }
        let id = found.unwrap_or_else(|| self.open(key));
        let Some(batch) = self.batches.get_mut(&id) else { unreachable!("it is open") };
        let (entry, waker) = batch.add(arrival, equal.is_some());
        let full = batch.items >= self.bounds.max_size || batch.weight >= self.bounds.max_weight;
        let place = self.join(id, entry, waker);
        if full {
            self.fill(id);
        }
        place
    }

    fn join(&mut self, id: u64, entry: usize, waker: Option<Waker>) -> Place<O, E> {
        let Some(batch) = self.batches.get_mut(&id) else { unreachable!("it is open") };
        let caller = batch.join(entry, waker);
        self.waiting += 1;
        self.counts.submitted += 1;
        Place { batch: id, caller, entry, round: Arc::clone(&batch.round) }
    }

    fn open(&mut self, key: K) -> u64 {
        if self.open.len() >= self.bounds.max_keys {
            self.close_oldest();
        }
        self.ids += 1;
        let id = self.ids;
        // A big bound is no reason to take memory that few will use.
        let capacity = self.bounds.max_size.min(128);
        self.open.insert(key.clone(), id);
        self.batches.insert(id, Batch::new(key, capacity));
        if self.bounds.max_wait.is_zero() {
            self.make_ready(id, Cause::Waited);
        } else if let Some(deadline) = Instant::now().checked_add(self.bounds.max_wait) {
            self.drop_stale();
            self.deadlines.push_back((deadline, id));
        }
        id
    }

    fn drop_stale(&mut self) {
        let batches = &self.batches;
        let waits = |(_, id): &(Instant, u64)| batches.get(id).is_some_and(|batch| !batch.ready);
        while self.deadlines.front().is_some_and(|front| !waits(front)) {
            self.deadlines.pop_front();
        }
        if self.deadlines.len() > 2 * batches.len().max(STALE) {
            self.deadlines.retain(waits);
        }
    }

    /// Makes room for another key: the batch that has been open longest takes no more.
    fn close_oldest(&mut self) {
        self.drop_stale();
        let oldest = self.deadlines.front().map(|(_, id)| *id);
        if let Some(id) = oldest.or_else(|| self.open.values().min().copied()) {
            self.fill(id);
        }
    }

    /// It takes no more items.
    fn fill(&mut self, id: u64) {
        let Some(batch) = self.batches.get(&id) else { return };
        if self.open.get(&batch.key) == Some(&id) {
            self.open.remove(&batch.key);
        }
        self.make_ready(id, Cause::Filled);
    }

    fn make_ready(&mut self, id: u64, cause: Cause) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        if mem::replace(&mut batch.ready, true) {
            return;
        }
        self.ready.push_back(id);
        *match cause {
            Cause::Filled => &mut self.counts.filled,
            Cause::Waited => &mut self.counts.waited,
            Cause::Flushed => &mut self.counts.flushed,
        } += 1;
    }

    /// Makes those ready whose deadline has passed; the next deadline.
    pub(super) fn pass(&mut self, now: Instant) -> Option<Instant> {
        while let Some((_, id)) = self.deadlines.pop_front_if(|(deadline, _)| *deadline <= now) {
            self.make_ready(id, Cause::Waited);
        }
        self.drop_stale();
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Whether a task is needed for the first deadline; it counts as there then.
    pub(super) fn wants_timer(&mut self) -> bool {
        !self.deadlines.is_empty() && !mem::replace(&mut self.timer, true)
    }

    pub(super) fn flush(&mut self) {
        let mut ids: Vec<u64> = self.open.values().copied().collect();
        ids.sort_unstable();
        ids.into_iter().for_each(|id| self.make_ready(id, Cause::Flushed));
    }

    /// The next batch, if one is ready and may begin.
    pub(super) fn begin(&mut self) -> Option<Begun<I, O, E>> {
        if self.in_flight >= self.bounds.max_in_flight {
            return None;
        }
        let id = self.ready.pop_front()?;
        let batch = self.remove(id)?;
        self.in_flight += 1;
        self.counts.batches += 1;
        self.counts.items += batch.items as u64;
        Some(batch.begin())
    }

    pub(super) fn end(&mut self) {
        self.in_flight -= 1;
    }

    fn remove(&mut self, id: u64) -> Option<Batch<I, O, E, K>> {
        let batch = self.batches.remove(&id)?;
        if self.open.get(&batch.key) == Some(&id) {
            self.open.remove(&batch.key);
        }
        self.waiting -= batch.callers;
        Some(batch)
    }

    /// The waker of a caller whose batch has not begun.
    pub(super) fn waker(&mut self, batch: u64, caller: usize) -> Option<&mut Option<Waker>> {
        self.batches.get_mut(&batch).map(|batch| batch.waker(caller))
    }

    /// Takes a caller out of a batch that has not begun; what it leaves is to be dropped without the lock. `None` if the
    /// batch has begun.
    pub(super) fn leave(&mut self, place: &Place<O, E>) -> Option<(Option<Waker>, Option<I>)> {
        let batch = self.batches.get_mut(&place.batch)?;
        let left = batch.leave(place.caller, place.entry);
        self.waiting -= 1;
        self.counts.left += 1;
        if batch.callers == 0 {
            let ready = batch.ready;
            self.remove(place.batch);
            if ready {
                self.ready.retain(|id| *id != place.batch);
            }
        }
        Some(left)
    }

    /// All that have not begun, which never will.
    pub(super) fn abandon(&mut self) -> Vec<Begun<I, O, E>> {
        let ids: Vec<u64> = self.batches.keys().copied().collect();
        self.ready.clear();
        self.deadlines.clear();
        ids.into_iter().filter_map(|id| self.remove(id)).map(Batch::begin).collect()
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            waiting: self.waiting,
            open: self.open.len(),
            ready: self.ready.len(),
            in_flight: self.in_flight,
            ..self.counts
        }
    }
}

#[cfg(all(test, not(perfect21_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    type Modelled = Book<u8, u8, (), u8>;

    #[derive(Debug, Clone)]
    enum Step {
        Add(u8),
        Leave(usize),
        Pass(u64),
        Flush,
        Begin,
        End,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => any::<u8>().prop_map(Step::Add),
            3 => any::<usize>().prop_map(Step::Leave),
            1 => (0..40_u64).prop_map(Step::Pass),
            1 => Just(Step::Flush),
            2 => Just(Step::Begin),
            2 => Just(Step::End),
        ];
        prop::collection::vec(step, 0..300)
    }

    const BOUNDS: Bounds = Bounds {
        max_size: 3,
        max_weight: 20,
        max_wait: Duration::from_millis(20),
        max_in_flight: 2,
        max_waiting: 12,
        max_keys: 3,
    };

    fn equal() -> Equal<u8, u8> {
        Equal { hash: |item| u64::from(*item % 5), same: |one, other| one == other, clone: |output| *output }
    }

    /// Callers that wait, with their items; and how many batches run.
    struct Model {
        book: Modelled,
        waiting: Vec<(u8, Place<u8, ()>)>,
        running: usize,
        start: Instant,
    }

    impl Model {
        fn add(&mut self, item: u8, equal: Option<&Equal<u8, u8>>) {
            assert_eq!(self.book.is_full(), self.waiting.len() >= BOUNDS.max_waiting);
            if self.book.is_full() {
                return;
            }
            let hash = equal.map_or(0, |equal| (equal.hash)(&item));
            let arrival = Arrival { item, weight: u64::from(item % 16), hash, waker: None };
            let place = self.book.add(item % 4, arrival, equal);
            let same =
                |(_, other): &(u8, Place<u8, ()>)| (other.batch, other.caller) == (place.batch, place.caller);
            assert!(!self.waiting.iter().any(same), "a place has one caller");
            self.waiting.push((item, place));
        }

        fn begin(&mut self) {
            let ready = self.book.ready.front().copied();
            let begun = self.book.begin();
            assert_eq!(begun.is_some(), self.running < BOUNDS.max_in_flight && ready.is_some());
            let (Some(begun), Some(id)) = (begun, ready) else { return };
            self.running += 1;
            let callers: Vec<_> = self.waiting.extract_if(.., |(_, place)| place.batch == id).collect();
            let entries: Vec<_> = begun.entries.iter().flatten().collect();
            assert!((1..=BOUNDS.max_size).contains(&entries.len()) && entries.len() == begun.items);
            assert_eq!(entries.iter().map(|entry| entry.callers as usize).sum::<usize>(), callers.len());
            let weight: u64 = entries.iter().map(|entry| u64::from(entry.item % 16)).sum();
            assert!(weight <= BOUNDS.max_weight || entries.len() == 1);
            let keys: HashSet<u8> = entries.iter().map(|entry| entry.item % 4).collect();
            assert_eq!(keys.len(), 1);
            for (item, place) in callers {
                let entry = begun.entries[place.entry].as_ref().map(|entry| entry.item);
                assert_eq!(entry, Some(item), "each caller's entry holds its item");
            }
        }

        fn step(&mut self, step: &Step, equal: Option<&Equal<u8, u8>>) {
            match *step {
                Step::Add(item) => self.add(item, equal),
                Step::Leave(which) if !self.waiting.is_empty() => {
                    let (_, place) = self.waiting.swap_remove(which % self.waiting.len());
                    assert!(self.book.leave(&place).is_some());
                }
                Step::Pass(ms) => drop(self.book.pass(self.start + Duration::from_millis(ms))),
                Step::Flush => self.book.flush(),
                Step::Begin => self.begin(),
                Step::End if self.running > 0 => {
                    self.book.end();
                    self.running -= 1;
                }
                Step::Leave(_) | Step::End => {}
            }
        }

        fn check(&self) {
            let stats = self.book.stats();
            assert_eq!((stats.waiting, stats.in_flight), (self.waiting.len(), self.running));
            assert!(stats.open <= BOUNDS.max_keys);
            let alive: HashSet<u64> = self.waiting.iter().map(|(_, place)| place.batch).collect();
            assert_eq!(alive.len(), self.book.batches.len(), "no batch without callers");
            assert!(self.book.ready.iter().all(|id| alive.contains(id)));
            let timed: HashSet<u64> = self.book.deadlines.iter().map(|(_, id)| *id).collect();
            let forgotten = self.book.batches.iter().find(|(id, batch)| !batch.ready && !timed.contains(id));
            assert!(forgotten.is_none(), "each batch is ready or has a deadline");
            assert!(self.book.deadlines.len() <= 2 * STALE + 1);
        }
    }

    proptest! {
        #[test]
        fn nobody_is_lost_and_bounds_hold(steps in steps(), dedup in any::<bool>()) {
            let equal = dedup.then(equal);
            let start = Instant::now();
            let mut model = Model { book: Book::new(BOUNDS), waiting: Vec::new(), running: 0, start };
            for step in &steps {
                model.step(step, equal.as_ref());
                model.check();
            }
            // In the end all begin.
            model.book.flush();
            while !model.waiting.is_empty() {
                model.step(&Step::End, None);
                model.begin();
            }
            prop_assert!(model.book.batches.is_empty() && model.book.open.is_empty());
        }
    }
}
