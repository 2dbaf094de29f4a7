use super::{SCALES, estimate::Groups};
use crate::{
    engine::table::{Hashed, Table},
    policy::{Look, Mark, Node, Policy, Residents},
};

const SIZES: usize = SCALES.len();
const IN_ALL: u8 = (1 << SIZES) - 1;

/// The policy in several sizes, with keys that are only hashes. All of them share a table: a lookup that hits in each,
/// as most do, touches one entry.
pub(super) struct Miniatures {
    entries: Table<Entry>,
    sizes: [Miniature; SIZES],
}

struct Miniature {
    capacity: usize,
    policy: Policy,
    misses: Groups,
}

struct Entry {
    hash: u32,
    /// One bit for each size that it is in.
    sizes: u8,
    /// Those of other sizes say nothing.
    marks: [Mark; SIZES],
}

impl Hashed for Entry {
    fn hash(&self) -> u32 {
        self.hash
    }
}

impl Entry {
    fn is_in(&self, size: usize) -> bool {
        self.sizes & 1 << size != 0
    }
}

/// The entries of one size.
struct Of<'a> {
    entries: &'a mut Table<Entry>,
    size: usize,
}

impl Residents for Of<'_> {
    fn look(&mut self, node: Node) -> Look<'_> {
        let size = self.size;
        let its = |entry: &Entry| entry.is_in(size) && entry.marks[size].is_of(node);
        self.entries.find_mut(node.hash, its).map_or(Look::Gone, |entry| Look::Live(&mut entry.marks[size]))
    }
}

impl Of<'_> {
    fn take_out(&mut self, hash: u32) -> Option<Mark> {
        let entry = self.entries.find_mut(hash, |entry| entry.is_in(self.size))?;
        entry.sizes &= !(1 << self.size);
        let (mark, last) = (entry.marks[self.size], entry.sizes == 0);
        if last {
            self.entries.remove(hash, |_| true);
        }
        Some(mark)
    }
}

impl Miniature {
    fn put(&mut self, hash: u32, mut of: Of<'_>) {
        let queue = self.policy.admit(hash);
        while self.policy.residents() >= self.capacity {
            let Some(node) = self.policy.victim(&mut of) else { break };
            of.take_out(node.hash);
        }
        let mark = self.policy.push(hash, queue);
        if let Some(entry) = of.entries.find_mut(hash, |_| true) {
            entry.sizes |= 1 << of.size;
            entry.marks[of.size] = mark;
        } else {
            of.entries.insert(Entry { hash, sizes: 1 << of.size, marks: [mark; SIZES] });
        }
    }
}

impl Miniatures {
    /// Of so many entries each.
    pub(super) fn new(capacities: [usize; SIZES]) -> Self {
        let sizes = capacities.map(|capacity| Miniature {
            capacity: capacity.max(1),
            policy: Policy::new(),
            misses: Groups::default(),
        });
        Self { entries: Table::new(), sizes }
    }

    /// What each size missed.
    pub(super) fn misses(&self) -> [&Groups; SIZES] {
        self.sizes.each_ref().map(|size| &size.misses)
    }

    /// After a miss somebody puts the value in.
    pub(super) fn look_up(&mut self, hash: u32) {
        let was_in = self.hit(hash);
        for size in (0..SIZES).filter(|size| was_in & 1 << size == 0) {
            self.sizes[size].misses.add(hash);
        }
        self.put(hash, was_in);
    }

    pub(super) fn insert(&mut self, hash: u32) {
        let was_in = self.entries.find_mut(hash, |_| true).map_or(0, |entry| entry.sizes);
        self.put(hash, was_in);
    }

    pub(super) fn remove(&mut self, hash: u32) {
        for (size, miniature) in self.sizes.iter_mut().enumerate() {
            let mut of = Of { entries: &mut self.entries, size };
            let Some(mark) = of.take_out(hash) else { continue };
            miniature.policy.left(mark);
            if miniature.policy.wants_compact() {
                miniature.policy.compact(&mut of);
            }
        }
    }

    /// The sizes that it is in.
    fn hit(&mut self, hash: u32) -> u8 {
        let Some(entry) = self.entries.find_mut(hash, |_| true) else { return 0 };
        entry
            .marks
            .iter_mut()
            .enumerate()
            .filter(|(size, _)| entry.sizes & 1 << size != 0)
            .for_each(|(_, mark)| mark.hit());
        entry.sizes
    }

    fn put(&mut self, hash: u32, was_in: u8) {
        if was_in == IN_ALL {
            return;
        }
        for size in (0..SIZES).filter(|size| was_in & 1 << size == 0) {
            self.sizes[size].put(hash, Of { entries: &mut self.entries, size });
        }
    }
}
