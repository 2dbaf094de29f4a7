//! The hash table of a shard: entries inline, in no more buckets than they need.
//!
//! Left alone, hashbrown doubles a table that a steady change of entries has filled with tombstones. This one is built
//! anew in the size it has, as long as a fifth more entries would fit: that share of slack makes it rare.

use hashbrown::HashTable;

pub(crate) trait Hashed {
    fn hash(&self) -> u32;
}

pub(crate) struct Table<T> {
    buckets: HashTable<T>,
    /// Entries that fit where there are no tombstones.
    room: usize,
}

/// hashbrown takes the bucket from the low bits and its tag from the seven highest.
pub(crate) fn widen(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// The most entries that are kept in as many buckets, a power of two.
pub(crate) fn most_in(buckets: usize) -> usize {
    buckets / 8 * 7 * 5 / 6
}

impl<T: Hashed> Table<T> {
    pub(crate) fn new() -> Self {
        Self { buckets: HashTable::new(), room: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.buckets.len()
    }

    #[cfg(test)]
    pub(crate) fn find(&self, hash: u32, mut eq: impl FnMut(&T) -> bool) -> Option<&T> {
        self.buckets.find(widen(hash), |entry| entry.hash() == hash && eq(entry))
    }

    #[inline]
    pub(crate) fn find_mut(&mut self, hash: u32, mut eq: impl FnMut(&T) -> bool) -> Option<&mut T> {
        self.buckets.find_mut(widen(hash), |entry| entry.hash() == hash && eq(entry))
    }

    pub(crate) fn remove(&mut self, hash: u32, mut eq: impl FnMut(&T) -> bool) -> Option<T> {
        let found = self.buckets.find_entry(widen(hash), |entry| entry.hash() == hash && eq(entry)).ok()?;
        Some(found.remove().0)
    }

    /// Puts an entry in; none of its key may be there.
    pub(crate) fn insert(&mut self, entry: T) {
        if self.buckets.len() == self.buckets.capacity() {
            self.rebuild();
        }
        self.buckets.insert_unique(widen(entry.hash()), entry, |entry| widen(entry.hash()));
    }

    #[cold]
    fn rebuild(&mut self) {
        let grows = self.len() + self.len() / 5 >= self.room;
        self.move_to(HashTable::with_capacity(self.room + usize::from(grows)));
    }

    /// Gives back the buckets that a much smaller number of entries does not need.
    pub(crate) fn shrink(&mut self) {
        let wanted = self.len() + self.len() / 5 + 1;
        if wanted <= self.room / 2 {
            self.move_to(HashTable::with_capacity(wanted));
        }
    }

    fn move_to(&mut self, mut larger: HashTable<T>) {
        self.room = larger.capacity();
        for entry in self.buckets.drain() {
            larger.insert_unique(widen(entry.hash()), entry, |entry| widen(entry.hash()));
        }
        self.buckets = larger;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.buckets.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.buckets.iter_mut()
    }

    /// Takes out what `wanted` says yes to, one at a time: if it panics, what it saw last stays.
    pub(crate) fn extract(&mut self, wanted: impl FnMut(&mut T) -> bool) -> impl Iterator<Item = T> {
        self.buckets.extract_if(wanted)
    }

    /// Takes an entry out of a bucket, if there is one and it is `wanted`.
    pub(crate) fn take_at(&mut self, bucket: usize, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let found = self.buckets.get_bucket_entry(bucket).ok()?;
        wanted(found.get()).then(|| found.remove().0)
    }

    pub(crate) fn buckets(&self) -> usize {
        self.buckets.num_buckets()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Hashed for u32 {
        fn hash(&self) -> u32 {
            self.wrapping_mul(0x9E37_79B1)
        }
    }

    #[test]
    fn a_steady_change_of_entries_never_makes_it_grow() {
        let held = most_in(4096) as u32;
        let mut table = Table::new();
        for entry in 0..held * 20 {
            if let Some(old) = entry.checked_sub(held) {
                assert_eq!(table.remove(old.hash(), |entry| *entry == old), Some(old));
            }
            table.insert(entry);
        }
        assert_eq!((table.len(), table.buckets()), (held as usize, 4096));
        for entry in held * 19 + 10..held * 20 {
            table.remove(entry.hash(), |other| *other == entry);
        }
        table.shrink();
        assert_eq!((table.len(), table.buckets()), (10, 16));
        assert!((held * 19..held * 19 + 10).all(|entry| table.find(entry.hash(), |e| *e == entry).is_some()));
    }
}
