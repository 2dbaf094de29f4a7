use super::{
    histogram::{PAGE_BYTES, Pages},
    slow_log::SlowGate,
    tally::Tally,
};
use crate::{Fingerprint, normalize};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// What the pages of all histograms may take, in bytes; the rest of a statement takes at most 2 KiB.
const MAX_PAGE_BYTES: usize = 36 << 20;
/// The most statements that are told apart, so that all takes at most 64 MB.
pub(super) const MAX_STATEMENTS: usize = 10_000;
/// How many places are looked at for one that makes way.
const LOOK_AT: usize = 8;

/// What a statement is known by.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) fingerprint: Fingerprint,
    /// Normalised.
    pub(crate) sql: Box<str>,
}

impl Key {
    pub(super) fn new(fingerprint: Fingerprint, sql: &str) -> Arc<Self> {
        Arc::new(Self { fingerprint, sql: normalize(sql).into() })
    }
}

/// What all statements of a pool share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Of statements without a place.
    pub(super) other: Tally,
    pub(super) pages: Pages,
    pub(super) slow: SlowGate,
}

/// A statement with a place in the table, or one that had it until calls that still run end.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) key: Arc<Key>,
    pub(super) tally: Tally,
    pub(super) shared: Arc<Shared>,
    /// It has made way: new calls look for the statement's new place.
    retired: AtomicBool,
    /// Metrics have shown its numbers, alone or with the rest.
    shown: AtomicBool,
}

impl Counts {
    /// Whether metrics have shown its numbers before; from now on they have.
    pub(super) fn was_shown(&self) -> bool {
        self.shown.swap(true, Relaxed)
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }

    fn uses(&self) -> u64 {
        self.tally.calls() + self.tally.cancelled()
    }
}

impl Drop for Counts {
    /// What calls have recorded that ended after the statement made way.
    fn drop(&mut self) {
        self.tally.move_to(&self.shared.other, &self.shared.pages);
        self.tally.closed(&self.shared.pages);
    }
}

#[derive(Debug)]
struct Place {
    counts: Arc<Counts>,
    /// How many uses there were at the last look.
    seen: u64,
    /// Uses of late: half as many with each minute.
    rate: u64,
    minute: u64,
}

/// The statements that are told apart.
#[derive(Debug)]
pub(super) struct Table {
    shared: Arc<Shared>,
    max: usize,
    by_fingerprint: HashMap<Fingerprint, usize, foldhash::fast::RandomState>,
    places: Vec<Place>,
    /// Where the next look begins.
    hand: usize,
}

impl Table {
    pub(super) fn new(shared: Arc<Shared>, max: usize) -> Self {
        let max = max.clamp(1, MAX_STATEMENTS);
        Self { shared, max, by_fingerprint: HashMap::default(), places: Vec::new(), hand: 0 }
    }

    #[inline]
    pub(super) fn get(&self, fingerprint: Fingerprint) -> Option<&Arc<Counts>> {
        let place = *self.by_fingerprint.get(&fingerprint)?;
        Some(&self.places[place].counts)
    }

    pub(super) fn all(&self) -> Vec<Arc<Counts>> {
        self.places.iter().map(|place| Arc::clone(&place.counts)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn has_room(&self) -> bool {
        self.places.len() < self.max && !self.is_over_budget()
    }

    /// The statement's counts, new ones if there is room for them.
    pub(super) fn get_or_insert(&mut self, key: &Arc<Key>, minute: u64) -> Option<Arc<Counts>> {
        if let Some(counts) = self.get(key.fingerprint) {
            return Some(Arc::clone(counts));
        }
        if !self.has_room() {
            return None;
        }
        let counts = self.counts(key);
        self.by_fingerprint.insert(key.fingerprint, self.places.len());
        self.places.push(Place { counts: Arc::clone(&counts), seen: 0, rate: 0, minute });
        Some(counts)
    }

    /// Gives the statement the place of one that was used less than `uses` times of late, if there is one.
    ///
    /// The caller keeps readers out until it is done: the counts of the one that leaves are moved.
    pub(super) fn replace(&mut self, key: &Arc<Key>, uses: u64, minute: u64) -> Option<Arc<Counts>> {
        if let Some(counts) = self.get(key.fingerprint) {
            return Some(Arc::clone(counts));
        }
        let leaver = self.least_used(minute)?;
        if self.places[leaver].rate >= uses {
            return None;
        }
        let counts = self.counts(key);
        let place = Place { counts: Arc::clone(&counts), seen: 0, rate: uses, minute };
        let before = std::mem::replace(&mut self.places[leaver], place);
        self.by_fingerprint.insert(key.fingerprint, leaver);
        self.retire(&before.counts);
        Some(counts)
    }

    pub(super) fn is_over_budget(&self) -> bool {
        self.shared.pages.count() > MAX_PAGE_BYTES / PAGE_BYTES
    }

    /// Removes the least used statements until the histograms take no more than they may; readers are kept out.
    pub(super) fn trim(&mut self, minute: u64) {
        while self.is_over_budget()
            && let Some(leaver) = self.least_used(minute)
        {
            let place = self.places.swap_remove(leaver);
            if let Some(moved) = self.places.get(leaver) {
                self.by_fingerprint.insert(moved.counts.key.fingerprint, leaver);
            }
            self.retire(&place.counts);
        }
    }

    fn counts(&self, key: &Arc<Key>) -> Arc<Counts> {
        Arc::new(Counts {
            key: Arc::clone(key),
            tally: Tally::default(),
            shared: Arc::clone(&self.shared),
            retired: AtomicBool::new(false),
            shown: AtomicBool::new(false),
        })
    }

    fn retire(&mut self, counts: &Counts) {
        self.by_fingerprint.remove(&counts.key.fingerprint);
        counts.retired.store(true, Relaxed);
        counts.tally.move_to(&self.shared.other, &self.shared.pages);
    }

    /// Of the next few places the one whose statement was used least of late and does not run now.
    fn least_used(&mut self, minute: u64) -> Option<usize> {
        let mut least = None;
        for _ in 0..LOOK_AT.min(self.places.len()) {
            self.hand = (self.hand + 1) % self.places.len();
            let place = &mut self.places[self.hand];
            let uses = place.counts.uses();
            let minutes = u32::try_from(minute.saturating_sub(place.minute)).unwrap_or(u32::MAX);
            place.rate = place.rate.checked_shr(minutes).unwrap_or(0) + (uses - place.seen);
            (place.seen, place.minute) = (uses, minute);
            let runs = Arc::strong_count(&place.counts) > 1;
            if !runs && least.is_none_or(|(_, rate)| place.rate < rate) {
                least = Some((self.hand, place.rate));
            }
        }
        least.map(|(place, _)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::tally::{Call, End};

    fn key(n: usize) -> Arc<Key> {
        let sql = format!("SELECT a FROM table_{n}");
        Key::new(Fingerprint::of(&sql), &sql)
    }

    fn call(counts: &Counts, times: usize) {
        let call = Call { wait: 0, server: 1_000_000, decode: None, retries: 0 };
        (0..times).for_each(|_| counts.tally.record(&call, &End::Rows(1), &counts.shared.pages));
    }

    #[test]
    fn a_call_that_ends_after_its_statement_made_way_is_counted_with_the_rest() {
        let shared = Arc::<Shared>::default();
        let mut table = Table::new(Arc::clone(&shared), 1);
        let counts = table.get_or_insert(&key(0), 0).unwrap();
        call(&counts, 3);
        table.retire(&counts);
        assert!(counts.is_retired());
        assert_eq!((shared.other.calls(), counts.tally.calls()), (3, 0));
        call(&counts, 2);
        drop(table);
        drop(counts);
        assert_eq!((shared.other.calls(), shared.other.server.snapshot().count()), (5, 5));
        assert_eq!(shared.pages.count(), 1, "only the rest has a page");
    }

    #[test]
    fn what_was_busy_long_ago_makes_way_for_what_is_busy_now() {
        let mut table = Table::new(Arc::default(), 2);
        let busy = table.get_or_insert(&key(0), 0).unwrap();
        call(&busy, 1000);
        let idle = table.get_or_insert(&key(1), 0).unwrap();
        call(&idle, 20);
        drop((busy, idle));
        assert!(table.replace(&key(2), 16, 0).is_none());
        assert!(table.replace(&key(2), 16, 1).is_some(), "half of 20 is less than 16");
        assert!(table.get(key(1).fingerprint).is_none());
        assert!(table.replace(&key(3), 8, 1).is_none());
        // Ten minutes later the thousand count less than one, and the sixteen nothing.
        assert!(table.replace(&key(3), 2, 11).is_some());
        assert!(table.replace(&key(4), 2, 11).is_some());
        assert!(table.get(key(0).fingerprint).is_none() && table.get(key(2).fingerprint).is_none());
        assert_eq!(table.len(), 2);
    }
}
