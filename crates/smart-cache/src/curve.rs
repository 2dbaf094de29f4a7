//! How often a cache of another size would hit: *Cache Modeling and Optimization using Miniature Simulations*
//! (Waldspurger and others, USENIX ATC 2017). A few keys, chosen by their hash, go through the cache's own policy in
//! small: at half of the bound, at the bound, and at twice, four and eight times of it.

mod estimate;
mod miniature;

use crate::stats::Counts;
use estimate::{Groups, Survey};
use miniature::Miniatures;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many entries the miniature of today's size has, where all keys would be more.
const SAMPLE: usize = 2048;
/// So many events go through the miniatures together.
const PENDING: usize = 64;
const SCALES: [f64; 5] = [0.5, 1.0, 2.0, 4.0, 8.0];
/// Which of them is today's bound.
const TODAY: usize = 1;

/// How often a cache would hit if it had another bound; see [`Cache::miss_curve`](crate::Cache::miss_curve).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MissCurve {
    /// The smallest first. That of today's bound is what was.
    pub points: Vec<CurvePoint>,
    /// What the sample alone says of today's bound less what was. It is taken off at that point, and as far as the misses
    /// of other sizes go with those of today, there. Where it is more than a few hundredths, entries leave for another
    /// reason than the bound, such as expiry, and the points are less certain than their errors say.
    pub correction: f64,
    /// Lookups that it is made of.
    pub sampled: u64,
}

/// One size on a [`MissCurve`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CurvePoint {
    /// As a multiple of today's bound.
    pub scale: f64,
    /// The bound.
    pub max_entries: usize,
    /// The share of lookups that would have hit, from 0 to 1.
    pub hit_rate: f64,
    /// How far the choice of the sampled keys may have put `hit_rate` off: about 95 in 100 are within. 0 where all keys
    /// are sampled, and for today's bound.
    pub error: f64,
}

/// What records lookups for the curve.
pub(crate) struct Sampler {
    /// A key is one of the sample if its hash, spread, is not above this.
    last: AtomicU32,
    /// Apart, so that a lookup of another key finds all it reads in one line of the cache's own.
    sampled: Box<Mutex<Sampled>>,
}

/// What happened to a key.
#[derive(Debug, Clone, Copy)]
enum Event {
    LookUp,
    Insert,
    Remove,
}

struct Sampled {
    /// What the miniatures have not seen yet: at once, it costs half.
    pending: Vec<(u32, Event)>,
    entries: usize,
    /// One of so many keys is sampled.
    one_of: f64,
    sizes: Miniatures,
    lookups: u64,
    /// What the cache had counted before.
    before: Counts,
}

impl Sampled {
    fn new(entries: usize, before: Counts) -> Self {
        let one_of = (entries as f64 / SAMPLE as f64).max(1.0);
        let sizes = Miniatures::new(SCALES.map(|scale| (entries as f64 * scale / one_of) as usize));
        let pending = Vec::with_capacity(PENDING);
        Self { pending, entries, one_of, sizes, lookups: 0, before }
    }

    fn last(&self) -> u32 {
        (f64::from(u32::MAX) / self.one_of) as u32
    }

    #[inline(never)]
    fn catch_up(&mut self) {
        let last = self.last();
        for (hash, event) in self.pending.drain(..) {
            // It may have been chosen before the sample started anew.
            if hash > last {
                continue;
            }
            let hash = scattered(hash);
            match event {
                Event::LookUp => {
                    self.lookups += 1;
                    self.sizes.look_up(hash);
                }
                Event::Insert => self.sizes.insert(hash),
                Event::Remove => self.sizes.remove(hash),
            }
        }
    }

    fn curve(&self, counts: &Counts) -> Option<MissCurve> {
        let (hits, misses) = (counts.hits - self.before.hits, counts.misses - self.before.misses);
        let lookups = (hits + misses) as f64;
        if self.lookups == 0 || lookups == 0.0 {
            return None;
        }
        let missed = self.sizes.misses();
        let survey = Survey { one_of: self.one_of, lookups, misses: misses as f64, today: missed[TODAY] };
        let point = |(scale, missed): (&f64, &Groups)| {
            let missed = survey.estimate(missed);
            CurvePoint {
                scale: *scale,
                max_entries: (self.entries as f64 * scale) as usize,
                hit_rate: (1.0 - missed.share).clamp(0.0, 1.0),
                error: missed.error,
            }
        };
        let points = SCALES.iter().zip(missed).map(point).collect();
        Some(MissCurve { points, correction: survey.correction(), sampled: self.lookups })
    }
}

impl Sampler {
    /// For a cache of so many entries.
    pub(crate) fn new(entries: usize) -> Self {
        let sampled = Sampled::new(entries, Counts::default());
        Self { last: AtomicU32::new(sampled.last()), sampled: Box::new(Mutex::new(sampled)) }
    }

    /// Starts anew, for a cache of so many entries that counted so much until now. Both are read under the lock: the last
    /// of several restarts sees the last of them.
    pub(crate) fn restart(&self, entries: impl FnOnce() -> usize, counts: impl FnOnce() -> Counts) {
        let mut sampled = self.sampled.lock();
        *sampled = Sampled::new(entries(), counts());
        self.last.store(sampled.last(), Relaxed);
    }

    #[inline]
    pub(crate) fn looked_up(&self, hash: u32) {
        self.sample(hash, Event::LookUp);
    }

    #[inline]
    pub(crate) fn inserted(&self, hash: u32) {
        self.sample(hash, Event::Insert);
    }

    #[inline]
    pub(crate) fn removed(&self, hash: u32) {
        self.sample(hash, Event::Remove);
    }

    #[inline]
    fn sample(&self, hash: u32, event: Event) {
        let hash = spread(hash);
        if hash <= self.last.load(Relaxed) {
            self.note(hash, event);
        }
    }

    #[cold]
    fn note(&self, hash: u32, event: Event) {
        let mut sampled = self.sampled.lock();
        sampled.pending.push((hash, event));
        if sampled.pending.len() == PENDING {
            sampled.catch_up();
        }
    }

    pub(crate) fn curve(&self, counts: impl FnOnce() -> Counts) -> Option<MissCurve> {
        let mut sampled = self.sampled.lock();
        sampled.catch_up();
        sampled.curve(&counts())
    }
}

/// Its high bits tell who is sampled, and depend on all bits of the hash: the low ones of what a fast hasher gives are alike
/// where keys follow one another, and they would be sampled together or not at all.
#[inline]
fn spread(hash: u32) -> u32 {
    hash.wrapping_mul(0x2C1B_3C6D)
}

/// The sample is chosen by the high bits, which tables and groups want to differ.
fn scattered(hash: u32) -> u32 {
    let hash = (hash ^ hash >> 16).wrapping_mul(0x85EB_CA6B);
    let hash = (hash ^ hash >> 13).wrapping_mul(0xC2B2_AE35);
    hash ^ hash >> 16
}
