use std::fmt;

use crate::{
    seat_map::Seat,
    sync::{AtomicU64, Ordering},
};

const LINES: usize = 8;

/// One cache line, so that two threads do not wait for one another.
#[repr(align(64))]
struct Line {
    /// Written by the one thread whose seat has this line's number: a load and a store, no locked instruction.
    own: AtomicU64,
    /// Written by all others that come here.
    shared: AtomicU64,
}

/// A number that only goes up: requests, hits, errors.
///
/// The first eight threads that count anything write a cache line of their own each, later ones share the eight.
/// Takes 512 bytes and never allocates, so an allocator may count with it.
///
/// ```
/// use perfect21_meter::Counter;
///
/// static HITS: Counter = Counter::new();
///
/// HITS.increment();
/// HITS.add(2);
/// assert_eq!(HITS.total(), 3);
/// ```
pub struct Counter {
    lines: [Line; LINES],
}

impl Counter {
    /// Makes a counter at zero.
    #[cfg(not(all(test, perfect21_loom)))]
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: [const { Line { own: AtomicU64::new(0), shared: AtomicU64::new(0) } }; LINES] }
    }

    #[cfg(all(test, perfect21_loom))]
    pub(crate) fn new() -> Self {
        Self { lines: std::array::from_fn(|_| Line { own: AtomicU64::new(0), shared: AtomicU64::new(0) }) }
    }

    /// Counts one.
    #[cfg(not(all(test, perfect21_loom)))]
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `n`. Beyond `u64::MAX` the total wraps around.
    #[cfg(not(all(test, perfect21_loom)))]
    #[inline]
    pub fn add(&self, n: u64) {
        self.add_at(crate::seat::current(), n);
    }

    #[inline]
    pub(crate) fn add_at(&self, seat: Option<Seat>, n: u64) {
        let number = seat.map_or(LINES, Seat::number);
        let line = &self.lines[number % LINES];
        if number < LINES {
            line.own.store(line.own.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
        } else {
            line.shared.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// The total so far. Never goes back between two calls, and misses nothing that happened before.
    #[must_use]
    pub fn total(&self) -> u64 {
        let of_line =
            |line: &Line| line.own.load(Ordering::Relaxed).wrapping_add(line.shared.load(Ordering::Relaxed));
        self.lines.iter().map(of_line).fold(0, u64::wrapping_add)
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.total()).finish()
    }
}
