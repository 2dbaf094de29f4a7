//! The few statements that metrics show one by one, and the rest as one series that never goes back.

use super::{
    table::{Counts, Key},
    tally::{Tally, Totals},
};
use std::{
    cmp::Reverse,
    sync::{Arc, Weak},
};

/// So many statements are shown.
pub(super) const SHOWN: usize = 20;

/// Which statements are shown now, and what those were shown with that no longer are.
///
/// What was part of the rest at an earlier time stays there, so a statement is shown with what it cost since then. So no
/// series goes back, and together they are all that was ever counted, however statements come and go.
#[derive(Debug, Default)]
pub(super) struct Shown {
    now: Vec<Series>,
    left: Totals,
}

/// The numbers of one series.
#[derive(Debug)]
pub(crate) struct ShownStatement {
    pub(crate) sql: String,
    pub(crate) fingerprint: String,
    pub(crate) server: perfect21_core::LatencySnapshot,
    pub(crate) rows: u64,
    pub(crate) errors: u64,
    pub(crate) cancelled: u64,
    pub(crate) retries: u64,
}

impl ShownStatement {
    /// A label longer than this serves nobody.
    const MAX_LABEL: usize = 120;

    pub(super) fn new(key: Option<&Key>, totals: &Totals) -> Self {
        let name = |of_key: fn(&Key) -> String| key.map_or_else(|| "other".to_owned(), of_key);
        Self {
            sql: name(|key| key.sql.chars().take(Self::MAX_LABEL).collect()),
            fingerprint: name(|key| key.fingerprint.to_string()),
            server: totals.server.snapshot(),
            rows: totals.rows,
            errors: totals.errors,
            cancelled: totals.cancelled,
            retries: totals.retries,
        }
    }
}

#[derive(Debug)]
struct Series {
    counts: Weak<Counts>,
    /// What was part of the rest before.
    before: Totals,
    /// What it was last shown with.
    last: Totals,
}

impl Series {
    fn is_of(&self, counts: &Arc<Counts>) -> bool {
        // The allocation lasts as long as the weak pointer, so no other counts can have this address.
        std::ptr::eq(self.counts.as_ptr(), Arc::as_ptr(counts))
    }
}

/// A statement and its numbers, read once: what is counted meanwhile is for the next time.
struct Read {
    counts: Arc<Counts>,
    totals: Totals,
    was_shown: bool,
}

impl Shown {
    /// The statements that took most time, and the rest.
    pub(super) fn update(
        &mut self,
        mut all: Vec<Arc<Counts>>,
        other: &Tally,
    ) -> (Vec<(Arc<Key>, Totals)>, Totals) {
        let mut rest = Totals::default();
        other.add_to(&mut rest);
        all.sort_by_cached_key(|counts| Reverse(counts.tally.nanos()));
        // One that is shown stays so until it is far from the top, or else two would change places all the time.
        let below = all.split_off(all.len().min(2 * SHOWN));
        for counts in below {
            counts.tally.add_to(&mut rest);
            counts.was_shown();
        }
        let top: Vec<Read> = all.into_iter().map(Self::read).collect();
        for read in &top {
            rest.add(&read.totals);
        }
        self.leave(&top);
        self.join(&top);
        rest.subtract(&self.left);
        let mut shown = Vec::with_capacity(self.now.len());
        for series in &mut self.now {
            let Some(read) = top.iter().find(|read| series.is_of(&read.counts)) else { continue };
            let mut totals = read.totals.clone();
            totals.subtract(&series.before);
            rest.subtract(&totals);
            series.last = totals.clone();
            shown.push((Arc::clone(&read.counts.key), totals));
        }
        (shown, rest)
    }

    fn read(counts: Arc<Counts>) -> Read {
        let mut totals = Totals::default();
        counts.tally.add_to(&mut totals);
        let was_shown = counts.was_shown();
        Read { counts, totals, was_shown }
    }

    fn leave(&mut self, top: &[Read]) {
        let left = &mut self.left;
        self.now.retain(|series| {
            let stays = top.iter().any(|read| series.is_of(&read.counts));
            if !stays {
                left.add(&series.last);
            }
            stays
        });
    }

    fn join(&mut self, top: &[Read]) {
        for read in &top[..top.len().min(SHOWN)] {
            if self.now.len() < SHOWN && !self.now.iter().any(|series| series.is_of(&read.counts)) {
                let before = if read.was_shown { read.totals.clone() } else { Totals::default() };
                let counts = Arc::downgrade(&read.counts);
                self.now.push(Series { counts, before, last: Totals::default() });
            }
        }
    }
}
