//! Who comes first: priorities, and shares that are lent while they are not used.

use crate::sync::{AtomicUsize, Ordering};

/// What comes first where several wait. Within one priority it is who came first.
///
/// Lower ones wait while higher ones do, until their longest wait is over: that is what a priority means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Priority {
    /// Can be done later: prefetches, batch work.
    Low,
    /// The rest. The default.
    #[default]
    Normal,
    /// Health checks, payments.
    High,
}

const LEVELS: usize = 3;

impl Priority {
    /// From zero, which comes first.
    fn level(self) -> usize {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }
}

/// A partition and a priority in it, as one number. Partition zero is who names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class(usize);

impl Class {
    pub(super) fn new(partition: usize, priority: Priority) -> Self {
        Self(partition * LEVELS + priority.level())
    }

    pub(super) fn of(number: usize) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> usize {
        self.0
    }

    pub(super) fn level(self) -> usize {
        self.0 % LEVELS
    }

    pub(super) fn partition(self) -> usize {
        self.0 / LEVELS
    }

    pub(super) fn with_priority(self, priority: Priority) -> Self {
        Self::new(self.partition(), priority)
    }
}

/// One named part of the limit.
#[derive(Debug)]
struct Share {
    name: Box<str>,
    share: f64,
    in_flight: AtomicUsize,
}

/// The parts of a limit: none, or who names none and then each by its name.
#[derive(Debug)]
pub(super) struct Shares(Box<[Share]>);

impl Shares {
    /// `named` shares, of which the sum is at most 1; the rest is for who names none.
    pub(super) fn new(named: &[(String, f64)]) -> Self {
        if named.is_empty() {
            return Self(Box::default());
        }
        let rest = (1.0 - named.iter().map(|(_, share)| share).sum::<f64>()).max(0.0);
        let parts = std::iter::once(("", rest)).chain(named.iter().map(|(name, share)| (&**name, *share)));
        let share =
            |(name, share): (&str, f64)| Share { name: name.into(), share, in_flight: AtomicUsize::new(0) };
        Self(parts.map(share).collect())
    }

    pub(super) fn classes(&self) -> usize {
        self.0.len().max(1) * LEVELS
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        (1..self.0.len()).find(|part| &*self.0[*part].name == name)
    }

    /// Each named one and what of it is in flight.
    pub(super) fn named(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().skip(1).map(|part| (&*part.name, part.in_flight.load(Ordering::Relaxed)))
    }

    #[inline]
    pub(super) fn take(&self, class: Class, taken: usize) {
        if let Some(part) = self.part(class) {
            part.in_flight.fetch_add(taken, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(super) fn give(&self, class: Class, taken: usize) {
        if let Some(part) = self.part(class) {
            part.in_flight.fetch_sub(taken, Ordering::Relaxed);
        }
    }

    #[inline]
    fn part(&self, class: Class) -> Option<&Share> {
        if self.0.is_empty() { None } else { self.0.get(class.partition()) }
    }

    /// Whether so much more would be lent to it by others.
    pub(super) fn is_over(&self, class: Class, weight: usize, limit: usize) -> bool {
        self.part(class).is_some_and(|part| {
            let own = (part.share * limit as f64).ceil() as usize;
            part.in_flight.load(Ordering::Relaxed).saturating_add(weight) > own
        })
    }
}
