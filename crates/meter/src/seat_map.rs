//! Which seats are taken: a bitmap without locks or allocation, so that even a global allocator may count.

use crate::sync::{AtomicU64, MODEL, Ordering};

const WORDS: usize = SEATS.div_ceil(64);

/// How many threads can hold a seat at once; the rest share.
pub(crate) const SEATS: usize = if MODEL { 4 } else { 4096 };

/// A number that no other living thread holds. Whoever holds it is the only writer of what stands at that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat(u16);

impl Seat {
    /// The seat of that number, where it is one.
    #[inline]
    pub(crate) fn new(number: u16) -> Option<Self> {
        (usize::from(number) < SEATS).then_some(Self(number))
    }

    #[inline]
    pub(crate) fn number(self) -> usize {
        usize::from(self.0)
    }
}

#[derive(Debug)]
pub(crate) struct SeatMap {
    taken: [AtomicU64; WORDS],
}

impl SeatMap {
    #[cfg(not(all(test, perfect21_loom)))]
    pub(crate) const fn new() -> Self {
        Self { taken: [const { AtomicU64::new(0) }; WORDS] }
    }

    #[cfg(all(test, perfect21_loom))]
    pub(crate) fn new() -> Self {
        Self { taken: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Takes the lowest free seat; `None` when all are taken.
    ///
    /// Acquires what the one who sat there before has written, so that a load of it and a store go on where it ended.
    pub(crate) fn take(&self) -> Option<Seat> {
        self.taken.iter().enumerate().find_map(|(word, taken)| {
            let with_lowest_free = |bits: u64| (bits != u64::MAX).then(|| bits | (bits + 1));
            let before = taken.fetch_update(Ordering::Acquire, Ordering::Relaxed, with_lowest_free).ok()?;
            u16::try_from(word * 64).ok().and_then(|first| Seat::new(first + before.trailing_ones() as u16))
        })
    }

    /// Gives a seat back, and with it what was written there.
    pub(crate) fn give_back(&self, seat: Seat) {
        let bit = 1 << (seat.number() % 64);
        self.taken[seat.number() / 64].fetch_and(!bit, Ordering::Release);
    }
}

#[cfg(all(test, not(perfect21_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_seat_is_taken_once_from_the_lowest_and_again_when_given_back() {
        let map = SeatMap::new();
        for number in 0..SEATS {
            assert_eq!(map.take().map(Seat::number), Some(number));
        }
        assert_eq!(map.take(), None);
        for number in [4095, 64, 63] {
            map.give_back(Seat(number));
        }
        for number in [63, 64, 4095] {
            assert_eq!(map.take(), Some(Seat(number)));
        }
        assert_eq!(map.take(), None);
    }
}
