use super::{
    ThreadPool,
    crew::{Crew, Plan},
    staff::Staff,
};
use perfect21_core::{Clock, ConfigError, SystemClock};
use std::{fmt, sync::Arc, time::Duration};

/// Makes a [`ThreadPool`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `build()`"]
pub struct ThreadPoolBuilder {
    name: String,
    min_threads: usize,
    max_threads: usize,
    max_queue: usize,
    grow_after: Duration,
    keep_alive: Duration,
    clock: Arc<dyn Clock>,
}

impl ThreadPoolBuilder {
    pub(super) fn new(max_threads: usize) -> Self {
        Self {
            name: "pool".to_owned(),
            min_threads: 1,
            max_threads,
            max_queue: 1024,
            grow_after: Duration::from_millis(5),
            keep_alive: Duration::from_secs(10),
            clock: Arc::new(SystemClock),
        }
    }

    /// Its label in metrics, and its threads' names: `<name>-1` and so on. Default: `pool`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// So many threads start as soon as jobs come, and stay; zero lets the last one go as well. Default: 1.
    pub fn min_threads(mut self, min_threads: usize) -> Self {
        self.min_threads = min_threads;
        self
    }

    /// So many jobs may wait for a thread. Default: 1024.
    pub fn max_queue(mut self, max_queue: usize) -> Self {
        self.max_queue = max_queue;
        self
    }

    /// How long the oldest job may wait before there are more threads: up to twice as many at a time. Default: 5 ms.
    pub fn grow_after(mut self, grow_after: Duration) -> Self {
        self.grow_after = grow_after;
        self
    }

    /// How long a thread above `min_threads` stays without work. Default: 10 s.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Where it reads the time. Default: the machine's clock. With one that is moved by hand, call
    /// [`ThreadPool::tick`] after each move.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the settings; threads start when jobs come.
    ///
    /// # Errors
    /// If no thread is allowed, `min_threads` is above the most, or nothing may be queued.
    pub fn build(self) -> Result<ThreadPool, ConfigError> {
        check_threads(self.min_threads, self.max_threads)?;
        if self.max_queue == 0 {
            return Err(ConfigError::new("max_queue", 0, "must be at least 1"));
        }
        Ok(ThreadPool::of(Crew::new(Plan {
            name: self.name,
            min: self.min_threads,
            max: self.max_threads,
            max_queue: self.max_queue,
            grow_after: self.grow_after,
            keep_alive: self.keep_alive,
            clock: self.clock,
            staff: Staff::Threads,
        })))
    }
}

pub(super) fn check_threads(min: usize, max: usize) -> Result<(), ConfigError> {
    if max == 0 {
        return Err(ConfigError::new("max_threads", max, "must be at least 1"));
    }
    if min > max {
        let rule = format!("must be at most max_threads, which is {max}");
        return Err(ConfigError::new("min_threads", min, rule));
    }
    Ok(())
}

impl fmt::Debug for ThreadPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder")
            .field("name", &self.name)
            .field("min_threads", &self.min_threads)
            .field("max_threads", &self.max_threads)
            .field("max_queue", &self.max_queue)
            .field("grow_after", &self.grow_after)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}
