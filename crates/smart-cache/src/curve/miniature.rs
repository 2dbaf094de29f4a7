use crate::{
    engine::table::{Hashed, Table},
    policy::{Look, Mark, Node, Policy, Residents},
};

/// The policy with keys that are only hashes: bounded by its capacity, 30 to 50 bytes an entry.
pub(super) struct Miniature {
    capacity: usize,
    entries: Table<Entry>,
    policy: Policy,
    hits: u64,
}

struct Entry {
    hash: u32,
    mark: Mark,
}

impl Hashed for Entry {
    fn hash(&self) -> u32 {
        self.hash
    }
}

impl Residents for Table<Entry> {
    fn look(&mut self, node: Node) -> Look<'_> {
        let found = self.find_mut(node.hash, |entry| entry.mark.is_of(node));
        found.map_or(Look::Gone, |entry| Look::Live(&mut entry.mark))
    }
}

/// The sample is chosen by the low bits, which the policy wants to differ.
fn scattered(hash: u32) -> u32 {
    let hash = (hash ^ hash >> 16).wrapping_mul(0x85EB_CA6B);
    let hash = (hash ^ hash >> 13).wrapping_mul(0xC2B2_AE35);
    hash ^ hash >> 16
}

impl Miniature {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), entries: Table::new(), policy: Policy::new(), hits: 0 }
    }

    pub(super) fn hits(&self) -> u64 {
        self.hits
    }

    /// After a miss somebody puts the value in.
    pub(super) fn look_up(&mut self, hash: u32) {
        if self.put(scattered(hash)) {
            self.hits += 1;
        }
    }

    pub(super) fn insert(&mut self, hash: u32) {
        let hash = scattered(hash);
        if self.entries.find_mut(hash, |_| true).is_none() {
            self.put(hash);
        }
    }

    pub(super) fn remove(&mut self, hash: u32) {
        if let Some(entry) = self.entries.remove(scattered(hash), |_| true) {
            self.policy.left(entry.mark);
            if self.policy.wants_compact() {
                self.policy.compact(&mut self.entries);
            }
        }
    }

    /// Whether it was there already.
    fn put(&mut self, hash: u32) -> bool {
        if let Some(entry) = self.entries.find_mut(hash, |_| true) {
            entry.mark.hit();
            return true;
        }
        let queue = self.policy.admit(hash);
        while self.entries.len() >= self.capacity {
            let Some(node) = self.policy.victim(&mut self.entries) else { break };
            self.entries.remove(node.hash, |entry| entry.mark.is_of(node));
        }
        let mark = self.policy.push(hash, queue);
        self.entries.insert(Entry { hash, mark });
        false
    }
}
