//! Against a simulation in plain lists, which any reader can check by the description of the module.

use super::{Look, MAX_HITS, MAX_STEP, Mark, Node, Policy, Queue, Residents, TEACHES};
use std::collections::HashMap;

/// More, and a set of ghosts would not hold all that are live.
const MOST: usize = 7;

struct Plain {
    capacity: usize,
    /// Oldest first: key, hits, and whether its time is over.
    small: Vec<(u32, u32, bool)>,
    main: Vec<(u32, u32, bool)>,
    /// Who left: key, from the main queue, and when by the count of those who left.
    ghosts: Vec<(u32, bool, i64)>,
    now: i64,
    back: i64,
    target: usize,
}

impl Plain {
    fn live(&self, main: bool) -> usize {
        self.ghosts.iter().filter(|ghost| ghost.1 == main).count()
    }

    fn residents(&self) -> usize {
        self.small.len() + self.main.len()
    }

    fn insert(&mut self, key: u32) -> Vec<u32> {
        let ghost = self.ghosts.iter().position(|ghost| ghost.0 == key);
        let lives = [self.live(false), self.live(true)];
        let main = ghost.is_some();
        if let Some((_, from_main, when)) = ghost.map(|at| self.ghosts.remove(at)) {
            let queue = usize::from(from_main);
            if self.now - when <= i64::from(TEACHES[queue]) {
                let step = (lives[1 - queue] / lives[queue].max(1)).clamp(1, MAX_STEP);
                self.target = if from_main { self.target.saturating_sub(step) } else { self.target + step };
                self.target = self.target.clamp(1, (self.residents() / 2).max(1));
            }
        }
        let mut left = Vec::new();
        while self.residents() >= self.capacity {
            left.extend(self.evict());
        }
        if main { &mut self.main } else { &mut self.small }.push((key, 0, false));
        if self.target == 0 || self.ghosts.is_empty() {
            self.target = 1;
        }
        left
    }

    fn evict(&mut self) -> Option<u32> {
        let residents = self.residents();
        let from_main = self.small.is_empty() || (self.small.len() <= self.target && !self.main.is_empty());
        let (key, hits, over) = if from_main { &mut self.main } else { &mut self.small }.remove(0);
        if over {
            return Some(key);
        }
        if hits > 0 {
            self.main.push((key, if from_main { hits - 1 } else { 0 }, false));
            return None;
        }
        self.now += 1;
        self.back = (self.back + 1).min(residents as i64);
        self.ghosts.retain(|ghost| self.now - ghost.2 <= self.back);
        self.ghosts.push((key, from_main, self.now));
        Some(key)
    }

    fn entry(&mut self, key: u32) -> Option<&mut (u32, u32, bool)> {
        self.small.iter_mut().chain(&mut self.main).find(|entry| entry.0 == key)
    }
}

/// The entries of the policy under test: a key is its hash.
#[derive(Default)]
struct Entries(HashMap<u32, (Mark, bool)>);

impl Residents for Entries {
    fn look(&mut self, node: Node) -> Look<'_> {
        match self.0.get_mut(&node.hash) {
            Some((mark, over)) if mark.is_of(node) => {
                if *over {
                    Look::Expired(*mark)
                } else {
                    Look::Live(mark)
                }
            }
            _ => Look::Gone,
        }
    }
}

proptest::proptest! {
    #[test]
    fn it_is_the_plain_simulation(
        capacity in 1..=MOST,
        steps in proptest::collection::vec((0_u8..20, 0_u32..20), 0..400),
    ) {
        let mut plain = Plain {
            capacity, small: vec![], main: vec![], ghosts: vec![], now: 0, back: -1, target: 0,
        };
        let (mut policy, mut entries) = (Policy::new(), Entries::default());
        for (step, key) in steps {
            // Ghosts know a hash but for its lowest bit.
            let key = key * 2;
            let held = plain.entry(key).is_some();
            assert_eq!(held, entries.0.contains_key(&key));
            match (step, held) {
                (0, true) => {
                    plain.small.retain(|entry| entry.0 != key);
                    plain.main.retain(|entry| entry.0 != key);
                    let (mark, _) = entries.0.remove(&key).unwrap();
                    policy.left(mark);
                }
                (1, true) => {
                    plain.entry(key).unwrap().2 = true;
                    entries.0.get_mut(&key).unwrap().1 = true;
                }
                (_, true) => {
                    let entry = plain.entry(key).unwrap();
                    entry.1 = (entry.1 + 1).min(MAX_HITS);
                    entries.0.get_mut(&key).unwrap().0.hit();
                }
                (2, false) => policy.compact(&mut entries),
                (_, false) => {
                    let queue = policy.admit(key);
                    let mut left = Vec::new();
                    while entries.0.len() >= capacity {
                        let node = policy.victim(&mut entries).unwrap();
                        left.push(node.hash);
                        entries.0.remove(&node.hash).unwrap();
                    }
                    entries.0.insert(key, (policy.push(key, queue), false));
                    assert_eq!(left, plain.insert(key));
                }
            }
            assert_eq!(policy.live, [plain.small.len(), plain.main.len()]);
        }
    }
}

#[test]
fn nodes_of_entries_that_left_do_not_pile_up() {
    let (mut policy, mut entries) = (Policy::new(), Entries::default());
    for round in 0..10_000 {
        let queue = if round % 2 == 0 { Queue::Small } else { Queue::Main };
        let mark = policy.push(round, queue);
        policy.left(mark);
        if policy.wants_compact() {
            policy.compact(&mut entries);
        }
        let nodes: usize = policy.queues.iter().map(std::collections::VecDeque::len).sum();
        assert!(nodes <= super::SLACK + 1);
    }
    assert!(policy.victim(&mut entries).is_none());
}

#[test]
fn ghosts_that_are_counted_are_those_that_are_there() {
    let mut ghosts = super::Ghosts::new();
    let mut random = 1_u32;
    for step in 0..200_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // The number of entries goes up and down as where bytes bind.
        let entries = 400 + (step / 1_000) % 100;
        let queue = if random >> 31 == 0 { Queue::Small } else { Queue::Main };
        if random >> 28 & 0b111 == 0 {
            ghosts.take((random >> 17 & 0x7FF).wrapping_mul(0x9E37_79B2));
        } else {
            ghosts.bury((random >> 17 & 0x7FF).wrapping_mul(0x9E37_79B2), queue, entries);
        }
        if step % 1_000 == 0 {
            assert_eq!(ghosts.live(), ghosts.count(), "step {step}");
            assert!(ghosts.live().iter().sum::<usize>() <= entries + entries / 32 + 32);
        }
    }
    assert!(ghosts.live()[0] > 100 && ghosts.live()[1] > 100);
}
