//! From what sampled keys missed to what all keys miss.
//!
//! How often all keys missed in a cache of today's size is today. What the sample says of that size tells how far this
//! sample is off, and as far as another size's misses go with those of today, it is taken off them: the regression
//! estimator of survey sampling (Cochran, *Sampling Techniques*, chapter 7), by groups of keys, from whose differences it
//! knows its error too. SHARDS (FAST 2015, section 4.2) corrects by the number of lookups in this way, which errs more.

/// Keys are told apart in so many groups, by their hashes.
const GROUPS: usize = 64;

/// A count by the group of the key.
#[derive(Clone)]
pub(super) struct Groups([u64; GROUPS]);

impl Default for Groups {
    fn default() -> Self {
        Self([0; GROUPS])
    }
}

impl Groups {
    pub(super) fn add(&mut self, hash: u32) {
        self.0[hash as usize % GROUPS] += 1;
    }

    fn mean(&self) -> f64 {
        self.0.iter().sum::<u64>() as f64 / GROUPS as f64
    }
}

/// What is today.
pub(super) struct Survey<'a> {
    /// One of so many keys is sampled.
    pub(super) one_of: f64,
    /// Of all keys.
    pub(super) lookups: f64,
    /// Of all keys.
    pub(super) misses: f64,
    /// Misses of the sampled keys at today's size.
    pub(super) today: &'a Groups,
}

/// Misses, as a share of lookups.
pub(super) struct Estimate {
    pub(super) share: f64,
    /// Two standard errors.
    pub(super) error: f64,
}

impl Survey<'_> {
    /// How much more the sample alone hits at today's size, as a share of lookups.
    pub(super) fn correction(&self) -> f64 {
        let misses = self.today.mean() * GROUPS as f64 * self.one_of;
        (self.misses - misses) / self.lookups
    }

    /// How many of all lookups would have missed, where those of sampled keys would have missed so often.
    pub(super) fn estimate(&self, missed: &Groups) -> Estimate {
        let groups = GROUPS as f64;
        let (mean_today, mean_missed) = (self.today.mean(), missed.mean());
        let off_mean = || {
            let pairs = self.today.0.iter().zip(&missed.0);
            pairs.map(|(today, missed)| (*today as f64 - mean_today, *missed as f64 - mean_missed))
        };
        let square: f64 = off_mean().map(|(today, _)| today * today).sum();
        let product: f64 = off_mean().map(|(today, missed)| today * missed).sum();
        let slope = if square > 0.0 { product / square } else { 1.0 };
        let residual: f64 = off_mean().map(|(today, missed)| (missed - slope * today).powi(2)).sum();
        // The means and the slope took two degrees of freedom; there is no error where all keys are sampled.
        let variance = groups * residual / (groups - 2.0) * (1.0 - 1.0 / self.one_of);
        let (due, due_misses) = (self.lookups / self.one_of, self.misses / self.one_of);
        let sum = groups * mean_missed - slope * (groups * mean_today - due_misses);
        Estimate { share: sum / due, error: 2.0 * variance.sqrt() / due }
    }
}
