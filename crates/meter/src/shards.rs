//! The buckets of one series, apart for each seat, so that every one has a single writer.

use crate::{
    pages::Pages,
    seat_map::{SEATS, Seat},
    sync::{MODEL, OnceLock},
};

/// So many shards stand in the series itself, found without arithmetic.
const NEAR: usize = if MODEL { 2 } else { 8 };
/// The rest come in blocks, each twice as long as the one before: 8, 16, 32, …
const BLOCKS: usize = (SEATS / NEAR).ilog2() as usize;

type Shard = OnceLock<Box<Pages>>;

/// Shards by seat number. They stay when a thread ends: the next one on its seat goes on counting in its shard, so
/// that nothing is ever folded, moved or reset under a reader, and memory is bounded by the threads alive at once.
pub(crate) struct Shards {
    near: [Shard; NEAR],
    far: [OnceLock<Box<[Shard]>>; BLOCKS],
    /// For threads without a seat.
    standing: Shard,
}

impl Shards {
    #[cfg(not(all(test, perfect21_loom)))]
    pub(crate) const fn new() -> Self {
        Self {
            near: [const { Shard::new() }; NEAR],
            far: [const { OnceLock::new() }; BLOCKS],
            standing: Shard::new(),
        }
    }

    #[cfg(all(test, perfect21_loom))]
    pub(crate) fn new() -> Self {
        Self {
            near: std::array::from_fn(|_| Shard::new()),
            far: std::array::from_fn(|_| OnceLock::new()),
            standing: Shard::new(),
        }
    }

    /// Counts one in a bucket, as the thread on `seat`.
    #[inline]
    pub(crate) fn add(&self, seat: Option<Seat>, index: usize) {
        let Some(seat) = seat else { return self.add_standing(index) };
        match self.near.get(seat.number()) {
            Some(shard) => Self::pages_of(shard).add_alone(index),
            None => self.add_far(seat, index),
        }
    }

    #[inline(never)]
    fn add_far(&self, seat: Seat, index: usize) {
        let block = (seat.number() / NEAR).ilog2() as usize;
        let length = NEAR << block;
        let shards = self.far[block].get_or_init(|| (0..length).map(|_| Shard::new()).collect());
        Self::pages_of(&shards[seat.number() - length]).add_alone(index);
    }

    #[cold]
    fn add_standing(&self, index: usize) {
        Self::pages_of(&self.standing).add_shared(index);
    }

    #[inline]
    fn pages_of(shard: &Shard) -> &Pages {
        match shard.get() {
            Some(pages) => pages,
            None => Self::open(shard),
        }
    }

    #[cold]
    #[inline(never)]
    fn open(shard: &Shard) -> &Pages {
        shard.get_or_init(Box::default)
    }

    /// The pages of all shards.
    pub(crate) fn pages(&self) -> impl Iterator<Item = &Pages> + Clone {
        let far = self.far.iter().filter_map(OnceLock::get).flatten();
        let shards = self.near.iter().chain(far).chain([&self.standing]);
        shards.filter_map(|shard| shard.get().map(|pages| &**pages))
    }
}

impl Default for Shards {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(perfect21_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_seat_has_a_shard_of_its_own() {
        let shards = Shards::new();
        let seats = [0, 1, 7, 8, 15, 16, 23, 24, 63, 64, 2047, 2048, 4095];
        for number in seats {
            shards.add(Seat::new(number), 3);
        }
        shards.add(None, 3);
        assert_eq!(shards.pages().count(), seats.len() + 1);
        for pages in shards.pages() {
            assert_eq!(crate::pages::counts(std::iter::once(pages)).map(|(_, count)| count).sum::<u64>(), 1);
        }
    }
}
