use super::{Policy, Recency, recency};
use std::collections::{HashMap, VecDeque};

/// *FIFO queues are all you need for cache eviction*, Yang and others, SOSP 2023: a small queue of a tenth, two hits to
/// leave it for the main one, as many ghosts as entries of that.
pub(crate) struct S3Fifo {
    capacity: usize,
    small_capacity: usize,
    hits: HashMap<u64, u8, foldhash::fast::RandomState>,
    small: VecDeque<u64>,
    main: VecDeque<u64>,
    ghosts: Recency,
}

impl S3Fifo {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            small_capacity: (capacity / 10).max(1),
            hits: HashMap::default(),
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: recency(),
        }
    }

    fn evict(&mut self) {
        while self.hits.len() >= self.capacity {
            if self.small.len() >= self.small_capacity || self.main.is_empty() {
                self.evict_small();
            } else {
                self.evict_main();
            }
        }
    }

    fn evict_small(&mut self) {
        let Some(key) = self.small.pop_front() else { return };
        match self.hits.get_mut(&key) {
            Some(hits) if *hits >= 2 => {
                *hits = 0;
                self.main.push_back(key);
            }
            _ => {
                self.hits.remove(&key);
                if self.ghosts.len() >= self.capacity - self.small_capacity.min(self.capacity - 1) {
                    self.ghosts.pop_lru();
                }
                self.ghosts.push(key, ());
            }
        }
    }

    fn evict_main(&mut self) {
        let Some(key) = self.main.pop_front() else { return };
        match self.hits.get_mut(&key) {
            Some(hits) if *hits > 0 => {
                *hits -= 1;
                self.main.push_back(key);
            }
            _ => {
                self.hits.remove(&key);
            }
        }
    }
}

impl Policy for S3Fifo {
    fn request(&mut self, key: u64) -> bool {
        if let Some(hits) = self.hits.get_mut(&key) {
            *hits = (*hits + 1).min(3);
            return true;
        }
        let ghost = self.ghosts.pop(&key).is_some();
        self.evict();
        self.hits.insert(key, 0);
        if ghost { &mut self.main } else { &mut self.small }.push_back(key);
        false
    }
}
