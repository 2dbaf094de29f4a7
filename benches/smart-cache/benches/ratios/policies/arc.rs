use super::{Policy, Recency, recency};

/// *ARC: A Self-Tuning, Low Overhead Replacement Cache*, Megiddo and Modha, FAST 2003.
pub(crate) struct Arc {
    capacity: usize,
    target: usize,
    recent: Recency,
    frequent: Recency,
    recent_ghosts: Recency,
    frequent_ghosts: Recency,
}

impl Arc {
    pub(crate) fn new(capacity: usize) -> Self {
        let [recent, frequent, recent_ghosts, frequent_ghosts] = [(); 4].map(|()| recency());
        Self { capacity, target: 0, recent, frequent, recent_ghosts, frequent_ghosts }
    }

    fn replace(&mut self, for_frequent_ghost: bool) {
        let len = self.recent.len();
        let from_recent = len > 0 && (len > self.target || (for_frequent_ghost && len == self.target));
        let (from, to) = if from_recent {
            (&mut self.recent, &mut self.recent_ghosts)
        } else {
            (&mut self.frequent, &mut self.frequent_ghosts)
        };
        if let Some((key, ())) = from.pop_lru() {
            to.push(key, ());
        }
    }

    fn miss(&mut self, key: u64) {
        let first = self.recent.len() + self.recent_ghosts.len();
        let all = first + self.frequent.len() + self.frequent_ghosts.len();
        if first == self.capacity {
            if self.recent.len() < self.capacity {
                self.recent_ghosts.pop_lru();
                self.replace(false);
            } else {
                self.recent.pop_lru();
            }
        } else if all >= self.capacity {
            if all == 2 * self.capacity {
                self.frequent_ghosts.pop_lru();
            }
            self.replace(false);
        }
        self.recent.push(key, ());
    }
}

impl Policy for Arc {
    fn request(&mut self, key: u64) -> bool {
        if self.frequent.get(&key).is_some() {
            return true;
        }
        if self.recent.pop(&key).is_some() {
            self.frequent.push(key, ());
            return true;
        }
        let ghosts = (self.recent_ghosts.len().max(1), self.frequent_ghosts.len().max(1));
        if self.recent_ghosts.pop(&key).is_some() {
            self.target = (self.target + (ghosts.1 / ghosts.0).max(1)).min(self.capacity);
            self.replace(false);
            self.frequent.push(key, ());
        } else if self.frequent_ghosts.pop(&key).is_some() {
            self.target = self.target.saturating_sub((ghosts.0 / ghosts.1).max(1));
            self.replace(true);
            self.frequent.push(key, ());
        } else {
            self.miss(key);
        }
        false
    }
}
