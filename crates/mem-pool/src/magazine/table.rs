//! One cache for each seat, made when first used, never moved: segments that double in length.

use std::sync::OnceLock;

use crate::magazine::seat::{SEATS, Seat};

const FIRST: usize = 4;
const SEGMENTS: usize = ((SEATS + FIRST).ilog2() - FIRST.ilog2()) as usize + 1;

#[derive(Debug)]
pub(crate) struct Table<C> {
    segments: [OnceLock<Box<[C]>>; SEGMENTS],
}

impl<C> Table<C> {
    pub(crate) fn new() -> Self {
        Self { segments: [const { OnceLock::new() }; SEGMENTS] }
    }

    #[inline(always)]
    pub(crate) fn get(&self, seat: Seat) -> Option<&C> {
        let Place { segment, offset } = seat.place();
        self.segments.get(usize::from(segment))?.get()?.get(usize::from(offset))
    }

    pub(crate) fn get_or_make(&self, seat: Seat, make: impl Fn() -> C) -> &C {
        let Place { segment, offset } = seat.place();
        let make_all = || (0..FIRST << segment).map(|_| make()).collect();
        &self.segments[usize::from(segment)].get_or_init(make_all)[usize::from(offset)]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &C> {
        self.segments.iter().filter_map(OnceLock::get).flatten()
    }
}

/// Where a seat's cache stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    segment: u8,
    offset: u16,
}

impl Place {
    /// That of a seat by its number, which is less than [`SEATS`].
    pub(crate) fn of(number: usize) -> Self {
        let nth = number + FIRST;
        let segment = nth.ilog2() - FIRST.ilog2();
        Self { segment: segment as u8, offset: (nth - (FIRST << segment)) as u16 }
    }

    pub(crate) fn number(self) -> usize {
        (FIRST << self.segment) + usize::from(self.offset) - FIRST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seat_has_a_place_of_its_own() {
        let mut next = Place { segment: 0, offset: 0 };
        for number in 0..SEATS {
            assert_eq!((Place::of(number), next.number()), (next, number));
            let last = usize::from(next.offset) + 1 == FIRST << next.segment;
            next = match last {
                true => Place { segment: next.segment + 1, offset: 0 },
                false => Place { offset: next.offset + 1, ..next },
            };
        }
        assert!(usize::from(Place::of(SEATS - 1).segment) < SEGMENTS);
    }
}
