//! What the miss curve says, held against caches of the sizes it speaks of.

use crate::replay::through;
use perfect21_bench_smart_cache::{Ours, Subject, WithCurve};

pub(crate) struct Errors {
    pub(crate) name: String,
    pub(crate) capacity: usize,
    /// Said less done, in points, at half, once, twice, four and eight times the capacity.
    pub(crate) points: [f64; 5],
}

pub(crate) fn of(name: String, capacity: usize, keys: &[u64]) -> Errors {
    let cache = WithCurve::with_capacity(capacity);
    through(&cache, keys, 0);
    let said = cache.0.miss_curve().map_or(Vec::new(), |curve| curve.points);
    let mut points = [0.0; 5];
    for (off, point) in points.iter_mut().zip(said) {
        let done = through(&Ours::with_capacity(point.max_entries.max(1)), keys, 0);
        *off = point.hit_rate * 100.0 - done;
    }
    Errors { name, capacity, points }
}
