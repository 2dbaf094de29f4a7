//! Who left lately, and from which queue: *ghosts*, four bytes an entry.
//!
//! Sets of eight tags, as many tags as entries, so a miss and an eviction touch half a cache line each. A ghost lives as
//! long as about as many have left since as there are entries: its tag has the number of its span, a 32nd of that time.
//! So the memory is that of the most entries there were, and how far it looks back follows the number of entries there
//! are.

use super::Queue;

/// Spans that a ghost lives.
const SPANS: usize = 32;
const WAYS: usize = 8;

/// A tag: the queue in the highest bit, then eight of the span, then the hash.
const FROM_MAIN: u32 = 1 << 31;
const SPAN_SHIFT: u32 = 23;
const HASH: u32 = (1 << SPAN_SHIFT) - 1;
const NONE: u32 = 0;

#[derive(Clone)]
#[repr(align(32))]
struct Set([u32; WAYS]);

/// One who left, and is asked for again.
pub(crate) struct Ghost {
    pub(crate) queue: Queue,
    /// How long ago, in 32nds of the time that one entry after the other takes to leave, all of them.
    pub(crate) age: u8,
}

pub(crate) struct Ghosts {
    sets: Box<[Set]>,
    /// Ghosts of each span that are there still, by queue.
    spans: Box<[[u32; 2]; 256]>,
    live: [usize; 2],
    now: u8,
    /// How many spans back the oldest lies that is live.
    back: u8,
    in_span: usize,
    purged: usize,
}

fn tag_hash(hash: u32) -> u32 {
    // Never that of an empty place.
    hash & HASH | 1
}

impl Ghosts {
    pub(crate) fn new() -> Self {
        Self {
            sets: Box::default(),
            spans: Box::new([[0; 2]; 256]),
            live: [0; 2],
            now: 0,
            back: 0,
            in_span: 0,
            purged: 0,
        }
    }

    /// How many there are of each queue.
    pub(crate) fn live(&self) -> [usize; 2] {
        self.live
    }

    /// Makes it large enough for so many entries; what it knew is lost where it was not.
    fn fit(&mut self, entries: usize) {
        if self.sets.len() * WAYS < entries {
            // Where bytes bind, the number of entries goes up and down.
            let slack = if self.sets.is_empty() { 0 } else { entries / 4 };
            let empty = Set([NONE; WAYS]);
            *self = Self { sets: vec![empty; (entries + slack).div_ceil(WAYS)].into(), ..Self::new() };
        }
    }

    fn set_of(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.sets.len() as u64) >> 32) as usize
    }

    fn is_live(&self, tag: u32) -> bool {
        tag != NONE && self.age(tag) <= self.back
    }

    fn age(&self, tag: u32) -> u8 {
        self.now.wrapping_sub((tag >> SPAN_SHIFT) as u8)
    }

    fn forget(&mut self, tag: u32) {
        if self.is_live(tag) {
            let (queue, span) = ((tag >> 31) as usize, (tag >> SPAN_SHIFT) as u8);
            self.spans[usize::from(span)][queue] -= 1;
            self.live[queue] -= 1;
        }
    }

    /// Takes the ghost of a key.
    pub(crate) fn take(&mut self, hash: u32) -> Option<Ghost> {
        let at = self.set_of(hash);
        let set = self.sets.get(at)?;
        let way = set.0.iter().position(|tag| tag & HASH == tag_hash(hash))?;
        let tag = std::mem::replace(&mut self.sets[at].0[way], NONE);
        if !self.is_live(tag) {
            return None;
        }
        self.forget(tag);
        let queue = if tag & FROM_MAIN == 0 { Queue::Small } else { Queue::Main };
        Some(Ghost { queue, age: self.age(tag) })
    }

    /// Remembers a key that left, where there are so many entries.
    pub(crate) fn bury(&mut self, hash: u32, queue: Queue, entries: usize) {
        self.fit(entries);
        self.advance(entries);
        let at = self.set_of(hash);
        let way = self.place_for(self.sets[at].0, tag_hash(hash));
        let from = if queue == Queue::Main { FROM_MAIN } else { 0 };
        let tag = from | u32::from(self.now) << SPAN_SHIFT | tag_hash(hash);
        let before = std::mem::replace(&mut self.sets[at].0[way], tag);
        self.forget(before);
        self.spans[usize::from(self.now)][queue as usize] += 1;
        self.live[queue as usize] += 1;
    }

    /// Where its own tag is, else an empty one or one that is over, else the oldest. Without branches: which is the oldest
    /// is anybody's guess, and wrong guesses cost more than looking at all.
    fn place_for(&self, tags: [u32; WAYS], own: u32) -> usize {
        let mut best = 0;
        for (way, tag) in (0..).zip(tags) {
            let own = u32::from(tag & HASH == own) << 9;
            let empty = u32::from(tag == NONE) << 8;
            best = best.max((own | empty | u32::from(self.age(tag))) << 3 | way);
        }
        best as usize % WAYS
    }

    /// Begins a new span when enough have left, and lets the oldest go.
    fn advance(&mut self, entries: usize) {
        self.in_span += 1;
        if self.in_span <= entries.div_ceil(SPANS) {
            return;
        }
        self.in_span = 1;
        self.now = self.now.wrapping_add(1);
        self.back += 1;
        while usize::from(self.back) > SPANS.min(entries) {
            let oldest = usize::from(self.now.wrapping_sub(self.back));
            let gone = std::mem::take(&mut self.spans[oldest]);
            (0..2).for_each(|queue| self.live[queue] -= gone[queue] as usize);
            self.back -= 1;
        }
        self.purge();
    }

    /// Span numbers come again after 256: until then every tag that is over has been wiped out.
    fn purge(&mut self) {
        for _ in 0..=self.sets.len() / 128 {
            let at = self.purged % self.sets.len();
            self.purged = at + 1;
            for way in 0..WAYS {
                if !self.is_live(self.sets[at].0[way]) {
                    self.sets[at].0[way] = NONE;
                }
            }
        }
    }

    /// By going through all of them.
    #[cfg(test)]
    pub(super) fn count(&self) -> [usize; 2] {
        let live = self.sets.iter().flat_map(|set| set.0).filter(|tag| self.is_live(*tag));
        live.fold([0; 2], |mut count, tag| {
            count[(tag >> 31) as usize] += 1;
            count
        })
    }
}
