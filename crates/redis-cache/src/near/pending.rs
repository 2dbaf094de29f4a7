//! Reads under way, and whether a change of their key was told since they began.

use crate::backend::FullKey;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

const SHARDS: usize = 32;

/// One entry for each key that is being read now, so its readers bound it.
pub(super) struct Pending {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

#[derive(Default)]
pub(super) struct Shard {
    /// Counts reads and changes: what has the greater number came later.
    count: u64,
    keys: HashMap<FullKey, Reads>,
}

#[derive(Default)]
struct Reads {
    readers: usize,
    changed: u64,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or_default();
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a read begins; gives its number.
    pub(super) fn begin(&self, key: &FullKey) -> u64 {
        let mut shard = self.shard(key);
        shard.count += 1;
        let number = shard.count;
        shard.keys.entry(FullKey::clone(key)).or_default().readers += 1;
        number
    }

    /// Notes that a key was changed.
    pub(super) fn changed(&self, key: &str) {
        let mut shard = self.shard(key);
        shard.count += 1;
        let number = shard.count;
        if let Some(reads) = shard.keys.get_mut(key) {
            reads.changed = number;
        }
    }

    /// Keeps what a read brought, unless its key was changed since; no change can be told meanwhile.
    pub(super) fn keep(&self, key: &str, number: u64, keep: impl FnOnce()) {
        let shard = self.shard(key);
        if shard.keys.get(key).is_some_and(|reads| reads.changed < number) {
            keep();
        }
    }

    pub(super) fn end(&self, key: &str) {
        let mut shard = self.shard(key);
        if let Some(reads) = shard.keys.get_mut(key) {
            reads.readers -= 1;
            if reads.readers == 0 {
                shard.keys.remove(key);
            }
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().keys.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pending: &Pending, key: &str, number: u64) -> bool {
        let mut kept = false;
        pending.keep(key, number, || kept = true);
        kept
    }

    #[test]
    fn a_read_is_kept_unless_its_key_was_changed_since() {
        let (pending, key) = (Pending::new(), FullKey::from("k"));
        let first = pending.begin(&key);
        assert!(kept(&pending, "k", first));
        pending.changed("k");
        let second = pending.begin(&key);
        assert!(!kept(&pending, "k", first));
        assert!(kept(&pending, "k", second), "it began after the change");
        pending.changed("other");
        assert!(kept(&pending, "k", second));
        pending.end("k");
        pending.end("k");
        assert_eq!(pending.len(), 0);
        assert!(!kept(&pending, "k", second));
        pending.changed("k");
        assert_eq!(pending.len(), 0, "a change of what nobody reads leaves nothing");
    }
}
