//! Policies, simulated with exact capacities and without shards.

mod arc;
mod s3_fifo;
mod tiny_lfu;

pub(crate) use arc::Arc;
pub(crate) use s3_fifo::S3Fifo;
pub(crate) use tiny_lfu::TinyLfu;

use foldhash::fast::RandomState;
use lru::LruCache;

/// A cache of keys alone.
pub(crate) trait Policy {
    /// Whether the key is there; if not, it is from now on, as far as the policy lets it in.
    fn request(&mut self, key: u64) -> bool;
}

/// Keys in the order of their last use.
pub(crate) type Recency = LruCache<u64, (), RandomState>;

pub(crate) fn recency() -> Recency {
    LruCache::unbounded_with_hasher(RandomState::default())
}

pub(crate) struct Lru {
    keys: Recency,
    capacity: usize,
}

impl Lru {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { keys: recency(), capacity }
    }
}

impl Policy for Lru {
    fn request(&mut self, key: u64) -> bool {
        if self.keys.get(&key).is_some() {
            return true;
        }
        if self.keys.len() == self.capacity {
            self.keys.pop_lru();
        }
        self.keys.push(key, ());
        false
    }
}
