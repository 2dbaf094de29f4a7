//! How often a cache of another size would hit: *Cache Modeling and Optimization using Miniature Simulations*
//! (Waldspurger and others, USENIX ATC 2017). A few keys, chosen by their hash, go through the cache's own policy in
//! small: at half of the bound, at the bound, and at twice, four and eight times of it.

mod miniature;

use crate::stats::Counts;
use miniature::Miniature;
use parking_lot::Mutex;

/// About how many entries the miniature of today's size has.
const SAMPLE: usize = 1024;
const SCALES: [f64; 5] = [0.5, 1.0, 2.0, 4.0, 8.0];

/// How often a cache would hit if it had another bound; see [`Cache::miss_curve`](crate::Cache::miss_curve).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MissCurve {
    /// The smallest first.
    pub points: Vec<CurvePoint>,
    /// What the curve says of today's bound less what was: about how wrong the other points are too.
    pub error: f64,
    /// Lookups that it is made of.
    pub sampled: u64,
}

/// One size on a [`MissCurve`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CurvePoint {
    /// As a multiple of the bound when the cache was built.
    pub scale: f64,
    /// The bound.
    pub max_entries: usize,
    /// The share of lookups that would have hit, from 0 to 1.
    pub hit_rate: f64,
}

/// What records lookups for the curve.
pub(crate) struct Sampler {
    entries: usize,
    /// A key is one of the sample if its hash has none of these bits.
    mask: u32,
    sampled: Mutex<Sampled>,
}

struct Sampled {
    sizes: [Miniature; SCALES.len()],
    lookups: u64,
}

impl Sampler {
    /// For a cache of so many entries.
    pub(crate) fn new(entries: usize) -> Self {
        let mut shift = 0;
        while entries >> shift > SAMPLE && shift < 24 {
            shift += 1;
        }
        let sizes = SCALES.map(|scale| Miniature::new((entries as f64 * scale) as usize >> shift));
        Self { entries, mask: (1 << shift) - 1, sampled: Mutex::new(Sampled { sizes, lookups: 0 }) }
    }

    #[inline]
    pub(crate) fn looked_up(&self, hash: u32) {
        if hash & self.mask == 0 {
            self.sample(hash, Miniature::look_up, 1);
        }
    }

    #[inline]
    pub(crate) fn inserted(&self, hash: u32) {
        if hash & self.mask == 0 {
            self.sample(hash, Miniature::insert, 0);
        }
    }

    #[inline]
    pub(crate) fn removed(&self, hash: u32) {
        if hash & self.mask == 0 {
            self.sample(hash, Miniature::remove, 0);
        }
    }

    #[cold]
    fn sample(&self, hash: u32, what: fn(&mut Miniature, u32), lookups: u64) {
        let mut sampled = self.sampled.lock();
        sampled.lookups += lookups;
        sampled.sizes.iter_mut().for_each(|size| what(size, hash));
    }

    pub(crate) fn curve(&self, counts: &Counts) -> Option<MissCurve> {
        let sampled = self.sampled.lock();
        let lookups = (counts.hits + counts.misses) as f64;
        if sampled.lookups == 0 || lookups == 0.0 {
            return None;
        }
        let due = lookups / f64::from(self.mask + 1);
        // Hot keys that happen to be among the sample, or not, are hits at every size (SHARDS, FAST 2015, section 4.2).
        let over = sampled.lookups as f64 - due;
        let points: Vec<CurvePoint> = SCALES
            .iter()
            .zip(&sampled.sizes)
            .map(|(scale, size)| CurvePoint {
                scale: *scale,
                max_entries: (self.entries as f64 * scale) as usize,
                hit_rate: ((size.hits() as f64 - over) / due).clamp(0.0, 1.0),
            })
            .collect();
        let error = points[1].hit_rate - counts.hits as f64 / lookups;
        Some(MissCurve { points, error, sampled: sampled.lookups })
    }
}
