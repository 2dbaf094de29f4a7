use std::{
    fmt,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use perfect21_core::ConfigError;
use tokio::sync::Semaphore;

use super::{BoundedPool, shared::Shared, stats::Counts};
use crate::budget::Bound;

/// Makes a [`BoundedPool`].
#[must_use = "a builder does nothing until `build()`"]
pub struct BoundedPoolBuilder<T> {
    create: Box<dyn Fn() -> T + Send + Sync>,
    reset: Box<dyn Fn(&mut T) -> bool + Send + Sync>,
    name: String,
    max_total: usize,
    max_idle: Option<usize>,
    max_wait: Option<Duration>,
}

impl<T: Send + 'static> BoundedPoolBuilder<T> {
    pub(super) fn new(
        max_total: usize,
        create: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            create: Box::new(create),
            reset: Box::new(reset),
            name: "default".to_owned(),
            max_total,
            max_idle: None,
            max_wait: Some(Duration::from_secs(30)),
        }
    }

    /// Its label in metrics. Default: `default`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many may lie idle. Default: as many as may exist.
    pub fn max_idle(mut self, max_idle: usize) -> Self {
        self.max_idle = Some(max_idle);
        self
    }

    /// How long [`acquire`](BoundedPool::acquire) waits; `None`, for ever. Default: 30 s.
    pub fn max_wait(mut self, max_wait: impl Into<Option<Duration>>) -> Self {
        self.max_wait = max_wait.into();
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// If a bound is zero, more may lie idle than exist, or the total is beyond what a semaphore counts.
    pub fn build(self) -> Result<BoundedPool<T>, ConfigError> {
        if !(1..=Semaphore::MAX_PERMITS).contains(&self.max_total) {
            let rule = format!("must be from 1 to {}", Semaphore::MAX_PERMITS);
            return Err(ConfigError::new("max_total", self.max_total, rule));
        }
        let max_idle = self.max_idle.unwrap_or(self.max_total);
        if !(1..=self.max_total).contains(&max_idle) {
            let rule = format!("must be from 1 to max_total, which is {}", self.max_total);
            return Err(ConfigError::new("max_idle", max_idle, rule));
        }
        if let Some(max_wait) = self.max_wait.filter(Duration::is_zero) {
            let rule = "must be above zero; use `try_acquire` not to wait";
            return Err(ConfigError::new("max_wait", format_args!("{max_wait:?}"), rule));
        }
        Ok(BoundedPool {
            shared: Arc::new(Shared {
                name: self.name,
                create: self.create,
                reset: self.reset,
                max_total: self.max_total,
                max_wait: self.max_wait,
                permits: Arc::new(Semaphore::new(self.max_total)),
                idle: object_pool::Pool::from_vec(Vec::new()),
                places: Bound::new(max_idle),
                low: AtomicUsize::new(0),
                counts: Counts::default(),
            }),
        })
    }
}

impl<T> fmt::Debug for BoundedPoolBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedPoolBuilder")
            .field("name", &self.name)
            .field("max_total", &self.max_total)
            .field("max_idle", &self.max_idle)
            .field("max_wait", &self.max_wait)
            .finish_non_exhaustive()
    }
}
