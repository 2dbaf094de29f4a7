//! Computations on rayon, blocking calls on a [`ThreadPool`], both awaited.
//!
//! A runtime's workers must do neither: one that computes or blocks for 10 ms delays everything else it has. Computations
//! want as many threads as there are cores, and blocking calls as many as there are calls that wait, so each kind has
//! its own threads.

use crate::{
    ConfigError, Sizing, ThreadPool,
    pool::{Crew, JobError, Left, Plan, Staff, Stats, ThreadPoolBuilder},
};
use perfect21_core::{Observe, SystemClock, Visitor};
use std::{fmt, io, sync::Arc, time::Duration};

/// Runs computations and blocking calls away from the async runtime's workers; clones share it.
///
/// Both queues are bounded, and waiting for room in them blocks no thread. Dropping a future of either drops work that
/// no thread took yet. A panic is [`JobError::Panicked`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_concurrency::Executor;
///
/// let executor = Executor::new()?;
/// let sum = executor.cpu(|| (1..=1_000_000_u64).sum::<u64>()).await?;
/// let text = executor.blocking(|| std::fs::read_to_string("/proc/self/status")).await??;
/// assert_eq!(sum, 500_000_500_000);
/// assert!(text.contains("Threads:"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Executor {
    /// Its workers are tasks on rayon: each runs what is queued and ends.
    cpu: ThreadPool,
    blocking: ThreadPool,
}

impl Executor {
    /// Sized by what this process may use of its machine.
    ///
    /// # Errors
    /// As [`ExecutorBuilder::build`].
    pub fn new() -> Result<Self, ExecutorError> {
        Self::builder().build()
    }

    /// Begins an executor.
    pub fn builder() -> ExecutorBuilder {
        ExecutorBuilder::default()
    }

    /// Computes on rayon; `par_iter` and `join` inside of it use the same threads.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_concurrency::{Executor, Sizing};
    ///
    /// let executor = Executor::builder().sizing(Sizing::for_cores(2.0)).build()?;
    /// let threads = executor.cpu(rayon::current_num_threads).await?;
    /// assert_eq!(threads, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`JobError`]: it panicked, or the executor was closed or shut down before it ran.
    ///
    /// # Cancel safety
    /// Dropping it drops work that no thread took yet, or lets it run to its end.
    pub async fn cpu<F, T>(&self, work: F) -> Result<T, JobError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.cpu.run(work).await
    }

    /// Calls what blocks: files, locks, libraries without async.
    ///
    /// # Errors
    /// [`JobError`]: it panicked, the executor was closed or shut down before it ran, or no thread could be started.
    ///
    /// # Cancel safety
    /// Dropping it drops work that no thread took yet, or lets it run to its end.
    pub async fn blocking<F, T>(&self, work: F) -> Result<T, JobError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.blocking.run(work).await
    }

    /// The pool of the blocking calls, for handles, `try_submit` and resizing.
    ///
    /// ```
    /// use perfect21_concurrency::{Executor, Sizing};
    ///
    /// let executor = Executor::builder().sizing(Sizing::for_cores(2.0)).build()?;
    /// assert_eq!(executor.blocking_pool().stats().max_threads, 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn blocking_pool(&self) -> &ThreadPool {
        &self.blocking
    }

    /// What the computations did so far; `threads` are those of rayon at work on them.
    #[must_use]
    pub fn cpu_stats(&self) -> Stats {
        self.cpu.stats()
    }

    /// Takes no more work, runs what is queued for so long, then drops the rest; what was left of both kinds. It closes
    /// the blocking pool too, even one that was given to the builder.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timers enabled.
    ///
    /// # Cancel safety
    /// The executor stays closed; what is queued then runs without a deadline.
    pub async fn shutdown(&self, deadline: Duration) -> Left {
        self.blocking.close();
        let begun = tokio::time::Instant::now();
        let cpu = self.cpu.shutdown(deadline).await;
        let blocking = self.blocking.shutdown(deadline.saturating_sub(begun.elapsed())).await;
        cpu.and(blocking)
    }
}

impl Observe for Executor {
    fn observe(&self, visitor: &mut dyn Visitor) {
        self.cpu.observe(visitor);
        self.blocking.observe(visitor);
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("cpu", &self.cpu).field("blocking", &self.blocking).finish()
    }
}

/// Makes an [`Executor`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build()`"]
pub struct ExecutorBuilder {
    name: String,
    sizing: Option<Sizing>,
    max_cpu_queue: usize,
    rayon: Option<Arc<rayon::ThreadPool>>,
    blocking: Option<ThreadPool>,
}

impl Default for ExecutorBuilder {
    fn default() -> Self {
        Self { name: "executor".to_owned(), sizing: None, max_cpu_queue: 1024, rayon: None, blocking: None }
    }
}

impl ExecutorBuilder {
    /// Its label in metrics and its threads' names: `<name>-cpu` and `<name>-blocking`, numbered. Default: `executor`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Whose counts it takes: [`Sizing::compute_threads`] for computations, [`Sizing::blocking_threads`] as the most
    /// for blocking calls. Default: by the [`Limits`](crate::Limits) of this process.
    pub fn sizing(mut self, sizing: Sizing) -> Self {
        self.sizing = Some(sizing);
        self
    }

    /// So many computations may wait for a thread; who has more waits for room. Default: 1024.
    pub fn max_cpu_queue(mut self, max_cpu_queue: usize) -> Self {
        self.max_cpu_queue = max_cpu_queue;
        self
    }

    /// Computes on a rayon pool that is there already, and takes up to all of its threads while there is work. Default:
    /// one of its own.
    pub fn rayon(mut self, rayon: Arc<rayon::ThreadPool>) -> Self {
        self.rayon = Some(rayon);
        self
    }

    /// Makes blocking calls on a pool that is there already. Default: one of its own.
    pub fn blocking_pool(mut self, pool: ThreadPool) -> Self {
        self.blocking = Some(pool);
        self
    }

    /// Checks the settings, and starts rayon's threads where none were given.
    ///
    /// # Errors
    /// If a setting is wrong, this process' limits cannot be read, or rayon's threads do not start.
    pub fn build(self) -> Result<Executor, ExecutorError> {
        if self.max_cpu_queue == 0 {
            return Err(ConfigError::new("max_cpu_queue", 0, "must be at least 1").into());
        }
        let sizing = match self.sizing {
            Some(sizing) => sizing,
            None => Sizing::from(&crate::Limits::read().map_err(ExecutorError::Limits)?),
        };
        let blocking = match self.blocking {
            Some(pool) => pool,
            None => blocking_pool(&self.name, sizing).build()?,
        };
        let name = format!("{}-cpu", self.name);
        let rayon = match self.rayon {
            Some(rayon) => rayon,
            None => Arc::new(rayon_pool(&name, sizing)?),
        };
        let threads = rayon.current_num_threads();
        let cpu = ThreadPool::of(Crew::new(Plan {
            name,
            min: threads,
            max: threads,
            max_queue: self.max_cpu_queue,
            grow_after: Duration::ZERO,
            keep_alive: Duration::ZERO,
            clock: Arc::new(SystemClock),
            staff: Staff::Rayon(rayon),
        }));
        Ok(Executor { cpu, blocking })
    }
}

fn blocking_pool(name: &str, sizing: Sizing) -> ThreadPoolBuilder {
    ThreadPool::builder(sizing.blocking_threads()).name(format!("{name}-blocking"))
}

fn rayon_pool(name: &str, sizing: Sizing) -> Result<rayon::ThreadPool, ExecutorError> {
    let name = name.to_owned();
    rayon::ThreadPoolBuilder::new()
        .num_threads(sizing.compute_threads())
        .thread_name(move |number| format!("{name}-{number}"))
        .build()
        .map_err(|error| ExecutorError::Threads(io::Error::other(error)))
}

/// Why there is no [`Executor`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What this process may use could not be read; give the builder a [`Sizing`].
    #[error("the limits of this process cannot be read")]
    Limits(#[source] perfect21_host::Error),
    /// Rayon's threads did not start.
    #[error("the threads for computations did not start")]
    Threads(#[source] io::Error),
}
