//! A thread pool for work that blocks: it grows within milliseconds when jobs wait, shrinks when they do not, and
//! loses nothing.
//!
//! | | |
//! |---|---|
//! | [`ThreadPool`] | the pool; clones share it |
//! | [`Job`] | a job's handle: a future; dropping it skips a job that is still queued |
//! | [`Submit`] | waits for room in the queue |
//! | [`Refused`], [`JobError`] | why a job was not taken, and why it has no result |
//! | [`Left`] | what a shutdown left behind |
//!
//! # How it grows and shrinks
//! Jobs that find a thread asleep wake it, the one that fell asleep last. Up to `min_threads` others are started at
//! once. Where all are busy, one more thread stands by: it takes no job before the oldest one has waited for
//! `grow_after`, and then it works and brings as many others as work already, as far as jobs have waited that long, up
//! to `max_threads`. So a burst of short jobs costs no thread, and one of long jobs doubles the threads every few
//! milliseconds. A thread above `min_threads` that slept for `keep_alive` ends. Nothing else watches: a pool without
//! jobs runs nothing.

mod builder;
mod crew;
mod error;
mod job;
mod line;
#[cfg(all(test, perfect21_loom))]
mod models;
#[cfg(all(test, not(perfect21_loom)))]
mod scarce_tests;
mod staff;
mod state;
mod stats;
mod task;
mod worker;

pub use builder::ThreadPoolBuilder;
pub use error::{JobError, Refused};
pub use job::{Job, Submit};
pub use stats::Stats;

#[cfg(not(feature = "rayon"))]
use crew::Crew;
#[cfg(feature = "rayon")]
pub(crate) use {
    crew::{Crew, Plan},
    staff::Staff,
};

use perfect21_core::ConfigError;
use std::{fmt, sync::Arc, time::Duration};
use task::Task;

/// Runs blocking work on its own threads, between so few and so many; clones share it.
///
/// Its queue is bounded: [`submit`](Self::submit) waits for room, [`try_submit`](Self::try_submit) gives the closure
/// back. Neither blocks, and neither needs a runtime. A job costs one allocation, two short locks of the queue and what
/// it takes to wake a thread where one sleeps. When the last clone is dropped, what is queued still runs, and then the
/// threads end.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_concurrency::ThreadPool;
/// use std::time::Duration;
///
/// let pool = ThreadPool::builder(32).min_threads(2).max_queue(1_000).build()?;
/// let text = pool.run(|| std::fs::read_to_string("/proc/self/status")).await??;
/// assert!(text.contains("Threads:"));
///
/// let left = pool.shutdown(Duration::from_secs(5)).await;
/// assert_eq!((left.queued, left.running), (0, 0));
/// # Ok(())
/// # }
/// ```
///
/// # Deadlocks
/// A job must not block on a job of its own pool: if all threads do so, no thread is left to run
/// what they wait for, and all of them wait for ever. With `max_threads` of 1 the first such job is
/// enough. Use another pool for the inner jobs, or await them outside of the pool.
#[derive(Clone)]
pub struct ThreadPool(Arc<Owner>);

/// What the handles share and the threads do not: with the last handle it goes, and the threads end.
struct Owner(Arc<Crew>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What a [`shutdown`](ThreadPool::shutdown) left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Left {
    /// Jobs that were still queued and were dropped; their handles say [`JobError::Discarded`].
    pub queued: usize,
    /// Jobs that still run: nothing can stop them.
    pub running: usize,
}

#[cfg(feature = "rayon")]
impl Left {
    pub(crate) fn and(self, other: Self) -> Self {
        Self { queued: self.queued + other.queued, running: self.running + other.running }
    }
}

impl ThreadPool {
    /// A pool of up to so many threads, with the builder's defaults.
    ///
    /// ```
    /// use perfect21_concurrency::{Sizing, ThreadPool};
    ///
    /// let pool = ThreadPool::new(Sizing::for_cores(2.0).blocking_threads())?;
    /// assert_eq!(pool.stats().max_threads, 8);
    /// # Ok::<(), perfect21_concurrency::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// If `max_threads` is zero.
    pub fn new(max_threads: usize) -> Result<Self, ConfigError> {
        Self::builder(max_threads).build()
    }

    /// Begins a pool of up to so many threads.
    pub fn builder(max_threads: usize) -> ThreadPoolBuilder {
        ThreadPoolBuilder::new(max_threads)
    }

    pub(crate) fn of(crew: Arc<Crew>) -> Self {
        Self(Arc::new(Owner(crew)))
    }

    /// Queues a job, after those who waited for room before it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_concurrency::ThreadPool;
    ///
    /// let pool = ThreadPool::builder(4).max_queue(2).build()?;
    /// let mut jobs = Vec::new();
    /// for n in 0..100 {
    ///     jobs.push(pool.submit(move || n * n).await?); // waits while two are queued
    /// }
    /// let mut sum = 0;
    /// for job in jobs {
    ///     sum += job.await?;
    /// }
    /// assert_eq!(sum, 328_350);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Refused::Closed`] and [`Refused::NoThread`], with the closure; never [`Refused::Full`].
    ///
    /// # Cancel safety
    /// Dropping it before it is ready drops the closure, which was not called.
    pub fn submit<F, T>(&self, work: F) -> Submit<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Submit::new(work, Arc::clone(&self.0.0))
    }

    /// Queues a job if there is room now.
    ///
    /// ```
    /// use perfect21_concurrency::{ThreadPool, pool::Refused};
    /// use std::sync::mpsc::channel;
    ///
    /// let pool = ThreadPool::builder(1).max_queue(1).build()?;
    /// let (go, wait) = channel::<()>();
    /// let (begun, running) = channel();
    /// let busy = pool.try_submit(move || (begun.send(()), wait.recv()));
    /// running.recv()?;
    /// let queued = pool.try_submit(|| 1)?;
    /// let full = pool.try_submit(|| 2).unwrap_err();
    /// assert!(matches!(full, Refused::Full(_)));
    /// assert_eq!(full.into_inner()(), 2, "the closure came back");
    /// go.send(())?;
    /// # drop(busy);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// All of [`Refused`], with the closure.
    pub fn try_submit<F, T>(&self, work: F) -> Result<Job<T>, Refused<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let task = Arc::new(Task::new(work, task::QUEUED));
        self.0.0.submit(&task)?;
        Ok(Job::new(task, Arc::clone(&self.0.0)))
    }

    /// Queues a job and waits for its result.
    ///
    /// # Errors
    /// [`JobError`]: it panicked, or the pool was closed or shut down before it ran.
    ///
    /// # Cancel safety
    /// Dropping it drops a job that no thread took yet.
    pub async fn run<F, T>(&self, work: F) -> Result<T, JobError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit(work).await?.await
    }

    /// Changes how few and how many threads there are. Threads above the new most end after the job they have; those
    /// below the new least start when jobs come.
    ///
    /// ```
    /// use perfect21_concurrency::ThreadPool;
    ///
    /// let pool = ThreadPool::new(4)?;
    /// pool.resize(8, 64)?;
    /// assert_eq!(pool.stats().max_threads, 64);
    /// # Ok::<(), perfect21_concurrency::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// If no thread is allowed, or `min_threads` is above `max_threads`; nothing changes then.
    pub fn resize(&self, min_threads: usize, max_threads: usize) -> Result<(), ConfigError> {
        builder::check_threads(min_threads, max_threads)?;
        self.0.0.resize(min_threads, max_threads);
        Ok(())
    }

    /// Takes no more jobs: submitters that wait for room get their closures back. What is queued still runs.
    pub fn close(&self) {
        self.0.0.close();
    }

    /// Takes no more jobs, runs what is queued for so long, then drops the rest of it and tells what was left.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timers enabled: the deadline is tokio's. Use [`close`](Self::close) there.
    ///
    /// # Cancel safety
    /// The pool stays closed; what is queued then runs without a deadline.
    pub async fn shutdown(&self, deadline: Duration) -> Left {
        let crew = &self.0.0;
        crew.close();
        let in_time = tokio::time::timeout(deadline, crew.drained()).await.is_ok();
        let (queued, running) = if in_time { (0, 0) } else { crew.discard() };
        Left { queued, running }
    }

    /// Lets the pool look at its clock now: what is due by time, a new thread or the end of one, is done at once. Only
    /// a clock that is moved by hand needs it.
    pub fn tick(&self) {
        self.0.0.wake_all();
    }

    /// What it did so far, and what it does now; takes the queue's lock for as long as copying it takes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.0.stats()
    }

    fn name(&self) -> &str {
        &self.0.0.name
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("name", &self.name())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
