use super::{
    Algorithm, Change, Inner, Limit, OnChange, Priority,
    partition::{Class, Shares},
    sampler::{Plan, Sampler, Time},
    semaphore::Semaphore,
    stats::Counts,
};
use perfect21_core::{Clock, ConfigError};
use std::{fmt, sync::Arc, time::Duration};

/// The highest limit that an algorithm finds, unless it is told another.
const MAX_LIMIT: usize = 1000;

/// A shorter window holds no call of a service, and the algorithm would run for each.
const MIN_WINDOW: Duration = Duration::from_millis(1);

/// Makes a [`Limit`].
#[must_use = "a builder does nothing until `build()`"]
pub struct LimitBuilder {
    name: String,
    initial: usize,
    max_queue: Option<usize>,
    max_wait: Duration,
    partitions: Vec<(String, f64)>,
    algorithm: Option<Box<dyn Algorithm>>,
    min_limit: usize,
    max_limit: Option<usize>,
    window: Duration,
    min_samples: u64,
    ceiling: Option<Duration>,
    clock: Option<Arc<dyn Clock>>,
    on_change: Option<OnChange>,
}

impl LimitBuilder {
    pub(super) fn new(initial: usize) -> Self {
        Self {
            name: "default".to_owned(),
            initial,
            max_queue: None,
            max_wait: Duration::from_secs(1),
            partitions: Vec::new(),
            algorithm: None,
            min_limit: 1,
            max_limit: None,
            window: Duration::from_millis(100),
            min_samples: 50,
            ceiling: None,
            clock: None,
            on_change: None,
        }
    }

    /// Its label in metrics. Default: `default`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many may wait; zero refuses whatever cannot run at once. Default: ten times the limit that it starts with.
    pub fn max_queue(mut self, max_queue: usize) -> Self {
        self.max_queue = Some(max_queue);
        self
    }

    /// How long one may wait. Default: 1 s.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Keeps a share of the limit, from 0 to 1, for who comes by [`Limit::partition`]. Default: none; what is left of 1 is
    /// for who names none.
    ///
    /// What a partition does not use is lent: others may take it while nobody waits. As soon as one below its share
    /// waits, the next free place is its own, before any priority, and in a full queue it takes the place of the last
    /// one beyond its share. The limit is never passed for it, so it waits up to the time that a call takes.
    pub fn partition(mut self, name: impl Into<String>, share: f64) -> Self {
        self.partitions.push((name.into(), share));
        self
    }

    /// What finds the limit. Default: nothing, it is fixed; [`Limit::adaptive`] has [`Elastic`](super::Elastic).
    pub fn algorithm(mut self, algorithm: impl Algorithm + 'static) -> Self {
        self.algorithm = Some(Box::new(algorithm));
        self
    }

    /// Where an adaptive limit begins.
    pub fn initial(mut self, limit: usize) -> Self {
        self.initial = limit;
        self
    }

    /// The lowest limit that the algorithm may find. Default: 1.
    pub fn min_limit(mut self, limit: usize) -> Self {
        self.min_limit = limit;
        self
    }

    /// The highest limit that the algorithm may find. Default: 1000, or where it begins if that is more.
    pub fn max_limit(mut self, limit: usize) -> Self {
        self.max_limit = Some(limit);
        self
    }

    /// Sets the shortest window that the algorithm sees, at least 1 ms; it is never less than twice
    /// the mean latency. Default: 100 ms.
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// A window goes on until so many latencies were measured; one ten times as long as it should be needs only ten.
    /// Default: 50.
    pub fn min_samples(mut self, samples: u64) -> Self {
        self.min_samples = samples;
        self
    }

    /// Sets the latency above which a call counts as overload, whatever came of it, for any
    /// algorithm. Must be above zero; a share of calls that is always above it [does not lower the
    /// limit](Algorithm#failures-without-load). Default: no ceiling. With one, every call is timed.
    pub fn ceiling(mut self, latency: Duration) -> Self {
        self.ceiling = Some(latency);
        self
    }

    /// Where latencies are read. Default: tokio's clock. The longest wait is always tokio's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Is called with each change of the limit, by the call whose end brought it about: it should be short. It may use the
    /// limit. Changes that follow at once on one another may come in the wrong order. Default: nothing.
    pub fn on_change(mut self, hook: impl Fn(Change) + Send + Sync + 'static) -> Self {
        self.on_change = Some(Box::new(hook));
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// If the limit is zero, beyond what is counted or out of its bounds, a queue has no time to
    /// wait, a window is shorter than 1 ms, a ceiling is zero, or shares are not from 0 to 1 or
    /// more than 1 together.
    pub fn build(self) -> Result<Limit, ConfigError> {
        self.check_limits()?;
        self.check_partitions()?;
        let max_queue = self.max_queue.unwrap_or(self.initial.saturating_mul(10));
        if max_queue > 0 && self.max_wait.is_zero() {
            let rule = "must be above zero where there is a queue; set max_queue(0) to refuse at once";
            return Err(ConfigError::new("max_wait", format_args!("{:?}", self.max_wait), rule));
        }
        let plan = Plan {
            bounds: self.min_limit..=self.max(),
            window: self.window,
            min_samples: self.min_samples,
            ceiling: self.ceiling,
        };
        let adaptive = self.algorithm.filter(|algorithm| !algorithm.is_fixed());
        let sampler = adaptive.map(|algorithm| Sampler::new(algorithm, plan, Time::new(self.clock)));
        let inner = Inner {
            semaphore: Semaphore::new(self.initial, Shares::new(&self.partitions)),
            sampler,
            counts: Counts::default(),
            name: self.name,
            max_queue,
            max_wait: self.max_wait,
            on_change: self.on_change,
        };
        Ok(Limit { inner: Arc::new(inner), class: Class::new(0, Priority::Normal) })
    }

    fn max(&self) -> usize {
        self.max_limit.unwrap_or(MAX_LIMIT.max(self.initial))
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let check = |setting: &'static str, value: usize, low: usize, high: usize| {
            let rule = || format!("must be from {low} to {high}");
            if (low..=high).contains(&value) { Ok(()) } else { Err(ConfigError::new(setting, value, rule())) }
        };
        let initial = if self.algorithm.is_some() { "initial" } else { "max_in_flight" };
        check(initial, self.initial, 1, Limit::MAX)?;
        if self.algorithm.is_some() {
            check("min_limit", self.min_limit, 1, self.initial)?;
            check("max_limit", self.max(), self.initial, Limit::MAX)?;
            if self.window < MIN_WINDOW {
                let rule = format!("must be at least {MIN_WINDOW:?}");
                return Err(ConfigError::new("window", format_args!("{:?}", self.window), rule));
            }
            if self.ceiling.is_some_and(|ceiling| ceiling.is_zero()) {
                let rule = "must be above zero: every call would be overload";
                return Err(ConfigError::new("ceiling", "0ns", rule));
            }
        }
        Ok(())
    }

    fn check_partitions(&self) -> Result<(), ConfigError> {
        let refuse = |value: &dyn fmt::Display, rule| Err(ConfigError::new("partition", value, rule));
        for (at, (name, share)) in self.partitions.iter().enumerate() {
            if !(*share > 0.0 && *share <= 1.0) {
                return refuse(&share, "must have a share above 0 and up to 1");
            }
            if self.partitions[..at].iter().any(|(other, _)| other == name) {
                return refuse(&name, "must be there once");
            }
        }
        let sum: f64 = self.partitions.iter().map(|(_, share)| share).sum();
        // A hair for the rounding of the sum.
        if sum > 1.0 + 1e-9 { refuse(&sum, "must have shares of at most 1 together") } else { Ok(()) }
    }
}

impl fmt::Debug for LimitBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitBuilder")
            .field("name", &self.name)
            .field("initial", &self.initial)
            .field("max_queue", &self.max_queue)
            .field("max_wait", &self.max_wait)
            .field("partitions", &self.partitions)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
