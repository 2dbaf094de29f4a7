//! Which entry leaves: the queues of S3-FIFO, a small one for newcomers before the main one, with a length of the small
//! one that is learnt.
//!
//! The queues are those of *FIFO queues are all you need for cache eviction* (Yang and others, SOSP 2023): one hit brings
//! a newcomer from the small into the main queue, where each hit, two at most, brings it around once more. Between a 50th
//! and a half of all entries may be in the small queue. A miss that was lately evicted from there makes it longer, one
//! from the main queue shorter, by the ratio of the ghosts of both, as in *ARC* (Megiddo and Modha, FAST 2003). Unlike
//! there, only ghosts teach that left not long ago: a loop that is longer than the cache brings old ones back all the
//! time, and no length of the small queue would have kept them.
//!
//! A hit costs no more than a count in the entry. All is counted in entries: where bytes bind, the queues and ghosts are
//! as long as entries fit, and follow their number. A heavy entry is no worse than a light one: the share of hits is what
//! is looked after, not that of bytes.
//!
//! Tried on seven traces and left out: a frequency sketch that holds who leaves the small queue against who would leave
//! the main one (as `TinyLFU` does) lost 0.1 to 0.3 points of the mean at 1 % and 10 % of the keys and costs a cache line a miss;
//! promotion at two hits lost 0.3 at 10 %; steps that grow with the number of entries lost a point.
//!
//! Entries live elsewhere and are asked for by [`Node`]. One that leaves on its own leaves its node behind, which is
//! dropped when it comes up, or in [`compact`](Policy::compact).

mod ghosts;
#[cfg(test)]
mod tests;

use ghosts::{Ghost, Ghosts};
use std::collections::VecDeque;

/// What an entry carries for the policy: its hits up to two, its queue, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(u32);

const HITS: u32 = 0b11;
const MAX_HITS: u32 = 2;
const IN_MAIN: u32 = 0b100;
const NUMBER: u32 = !(HITS | IN_MAIN);

impl Mark {
    #[inline]
    pub(crate) fn hit(&mut self) {
        if self.0 & HITS < MAX_HITS {
            self.0 += 1;
        }
    }

    pub(crate) fn is_of(self, node: Node) -> bool {
        self.0 & NUMBER == node.number
    }

    fn hits(self) -> u32 {
        self.0 & HITS
    }

    /// How unlikely it is to leave: 4 and more are those of the main queue.
    pub(crate) fn heat(self) -> u8 {
        (self.0 & (HITS | IN_MAIN)) as u8
    }

    fn queue(self) -> Queue {
        if self.0 & IN_MAIN == 0 { Queue::Small } else { Queue::Main }
    }
}

/// A place in a queue, by which its entry is found: it has this hash, and a mark of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) hash: u32,
    number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    Small,
    Main,
}

impl Queue {
    /// Where an entry was that had this [`heat`](Mark::heat).
    pub(crate) fn of_heat(heat: u8) -> Self {
        if u32::from(heat) & IN_MAIN == 0 { Self::Small } else { Self::Main }
    }
}

pub(crate) enum Look<'a> {
    /// No entry has this number any more.
    Gone,
    /// Its time is over: it goes before all others.
    Expired(Mark),
    Live(&'a mut Mark),
}

/// Where the entries live.
pub(crate) trait Residents {
    fn look(&mut self, node: Node) -> Look<'_>;
}

/// The most entries that one ghost moves the small queue's length by.
const MAX_STEP: usize = 16;
/// How old a ghost of each queue may be to teach, in 32nds of what the cache forgets in.
const TEACHES: [u8; 2] = [12, 16];
/// Nodes without entries that are put up with, beside a quarter.
const SLACK: usize = 64;

pub(crate) struct Policy {
    queues: [VecDeque<Node>; 2],
    /// Entries in each, without the nodes they left behind.
    live: [usize; 2],
    /// How many entries the small queue may have before it is the one to give.
    target: usize,
    ghosts: Ghosts,
    next: u32,
}

impl Policy {
    pub(crate) fn new() -> Self {
        Self {
            queues: [VecDeque::new(), VecDeque::new()],
            live: [0; 2],
            target: 0,
            ghosts: Ghosts::new(),
            next: 0,
        }
    }

    pub(crate) fn residents(&self) -> usize {
        self.live[0] + self.live[1]
    }

    /// The queue of a newcomer, before room is made for it: what its ghost teaches counts for that already.
    pub(crate) fn admit(&mut self, hash: u32) -> Queue {
        let counts = self.ghosts.live();
        let Some(ghost) = self.ghosts.take(hash) else { return Queue::Small };
        self.learn(&ghost, counts);
        Queue::Main
    }

    fn learn(&mut self, ghost: &Ghost, counts: [usize; 2]) {
        let queue = ghost.queue as usize;
        if ghost.age > TEACHES[queue] {
            return;
        }
        let step = (counts[1 - queue] / counts[queue].max(1)).clamp(1, MAX_STEP);
        let target = match ghost.queue {
            Queue::Small => self.target + step,
            Queue::Main => self.target.saturating_sub(step),
        };
        let residents = self.residents();
        self.target = target.clamp((residents / 50).max(1), (residents / 2).max(1));
    }

    /// Queues the newcomer; its entry gets the mark.
    pub(crate) fn push(&mut self, hash: u32, queue: Queue) -> Mark {
        self.next = self.next.wrapping_add(IN_MAIN << 1);
        let node = Node { hash, number: self.next };
        self.enqueue(queue, node);
        if self.target == 0 || self.ghosts.live() == [0; 2] {
            self.target = (self.residents() / 10).max(1);
        }
        Mark(node.number | if queue == Queue::Main { IN_MAIN } else { 0 })
    }

    fn enqueue(&mut self, queue: Queue, node: Node) {
        let nodes = &mut self.queues[queue as usize];
        if nodes.len() == nodes.capacity() {
            // Doubling would leave half of a large queue unused.
            nodes.reserve_exact(nodes.len() / 8 + 16);
        }
        nodes.push_back(node);
        self.live[queue as usize] += 1;
    }

    /// Who is to leave, out of the queues already; `None` when there is nobody.
    ///
    /// Amortised O(1): an entry is passed over once for each hit that it had, up to two.
    pub(crate) fn victim(&mut self, residents: &mut impl Residents) -> Option<Node> {
        loop {
            let [small, main] = self.live;
            let gives =
                if small > 0 && (small > self.target || main == 0) { Queue::Small } else { Queue::Main };
            if small + main == 0 {
                return None;
            }
            let left = match gives {
                Queue::Small => self.leave_small(residents),
                Queue::Main => self.leave_main(residents),
            };
            if left.is_some() {
                return left;
            }
        }
    }

    /// One step of the small queue: an entry that leaves the cache, or none if it was kept or was not there any more.
    fn leave_small(&mut self, residents: &mut impl Residents) -> Option<Node> {
        let node = self.queues[Queue::Small as usize].pop_front()?;
        // A number comes again after 2^29 others, so it may be that of an entry in the other queue.
        match residents.look(node) {
            Look::Expired(mark) if mark.queue() == Queue::Small => {
                self.left(mark);
                Some(node)
            }
            Look::Live(mark) if mark.queue() == Queue::Small && mark.hits() > 0 => {
                mark.0 = mark.0 & NUMBER | IN_MAIN;
                self.live[Queue::Small as usize] -= 1;
                self.enqueue(Queue::Main, node);
                None
            }
            Look::Live(mark) if mark.queue() == Queue::Small => Some(self.bury(node, Queue::Small)),
            Look::Gone | Look::Expired(_) | Look::Live(_) => None,
        }
    }

    /// One step of the main queue.
    fn leave_main(&mut self, residents: &mut impl Residents) -> Option<Node> {
        let node = self.queues[Queue::Main as usize].pop_front()?;
        match residents.look(node) {
            Look::Expired(mark) if mark.queue() == Queue::Main => {
                self.left(mark);
                Some(node)
            }
            Look::Live(mark) if mark.queue() == Queue::Main && mark.hits() > 0 => {
                mark.0 -= 1;
                self.queues[Queue::Main as usize].push_back(node);
                None
            }
            Look::Live(mark) if mark.queue() == Queue::Main => Some(self.bury(node, Queue::Main)),
            Look::Gone | Look::Expired(_) | Look::Live(_) => None,
        }
    }

    fn bury(&mut self, node: Node, queue: Queue) -> Node {
        self.ghosts.bury(node.hash, queue, self.residents());
        self.live[queue as usize] -= 1;
        node
    }

    /// An entry with this mark left on its own.
    pub(crate) fn left(&mut self, mark: Mark) {
        self.live[mark.queue() as usize] -= 1;
    }

    /// Whether so many nodes have no entry that it is worth a pass over all of them.
    pub(crate) fn wants_compact(&self) -> bool {
        let nodes = self.queues[0].len() + self.queues[1].len();
        nodes > self.residents() + self.residents() / 4 + SLACK
    }

    pub(crate) fn compact(&mut self, residents: &mut impl Residents) {
        for queue in [Queue::Small, Queue::Main] {
            let nodes = &mut self.queues[queue as usize];
            nodes.retain(|node| !matches!(residents.look(*node), Look::Gone));
            nodes.shrink_to(nodes.len() + nodes.len() / 8);
        }
    }
}
