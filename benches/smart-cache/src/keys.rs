use std::sync::Arc;

/// A list of keys that is gone through again and again.
#[derive(Debug, Clone)]
pub struct Keys(Arc<[u32]>);

/// Requests in a list.
const REQUESTS: usize = 1 << 20;

impl Keys {
    /// Each of `keys` equally often.
    #[must_use]
    pub fn uniform(keys: u32) -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        Self((0..REQUESTS).map(|_| random.u32(0..keys)).collect())
    }

    /// The nth key in proportion to `n^-0.99`.
    #[must_use]
    pub fn zipf(keys: u32) -> Self {
        Self(zipf(keys as usize, 0.99, REQUESTS, 7).into_iter().map(|key| key as u32).collect())
    }

    /// All of them, from a place that depends on `nth`.
    pub(crate) fn walk(&self, nth: usize) -> impl FnMut() -> u64 + use<> {
        let (keys, mut at) = (Arc::clone(&self.0), nth * (REQUESTS / 3 + 1) % REQUESTS);
        move || {
            at = (at + 1) % REQUESTS;
            u64::from(keys[at])
        }
    }
}

/// So many requests by Zipf's law; keys are scattered, and the same for the same seed.
#[must_use]
pub fn zipf(keys: usize, exponent: f64, requests: usize, seed: u64) -> Vec<u64> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut names: Vec<u64> = (0..keys as u64).collect();
    random.shuffle(&mut names);
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=keys)
        .map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        })
        .collect();
    (0..requests)
        .map(|_| {
            let at = random.f64() * sum;
            names[sums.partition_point(|sum| *sum < at).min(keys - 1)]
        })
        .collect()
}
