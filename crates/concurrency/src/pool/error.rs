use crate::panicked::Panicked;
use std::{fmt, io};

/// Why a job was not taken; gives its closure back.
///
/// ```
/// use perfect21_concurrency::{ThreadPool, pool::Refused};
///
/// let pool = ThreadPool::new(1)?;
/// pool.close();
/// let refused = pool.try_submit(|| 42).unwrap_err();
/// assert!(matches!(refused, Refused::Closed(_)));
/// assert_eq!(refused.into_inner()(), 42);
/// # Ok::<(), perfect21_concurrency::ConfigError>(())
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Refused<F> {
    /// As many jobs are queued as may be. Only [`try_submit`](super::ThreadPool::try_submit) says so.
    #[error("the queue is full")]
    Full(F),
    /// The pool was closed.
    #[error("the pool is closed")]
    Closed(F),
    /// The pool has no thread, and the system started none.
    #[error("no thread could be started")]
    NoThread {
        /// The closure.
        work: F,
        /// What the system said.
        source: io::Error,
    },
}

impl<F> Refused<F> {
    /// The closure.
    pub fn into_inner(self) -> F {
        match self {
            Self::Full(work) | Self::Closed(work) | Self::NoThread { work, .. } => work,
        }
    }
}

impl<F> fmt::Debug for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full"),
            Self::Closed(_) => f.write_str("Closed"),
            Self::NoThread { source, .. } => f.debug_tuple("NoThread").field(source).finish(),
        }
    }
}

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// Its closure panicked; the thread lives on.
    #[error(transparent)]
    Panicked(Panicked),
    /// It was still queued when the deadline of [`shutdown`](super::ThreadPool::shutdown) passed, and was dropped.
    #[error("the pool was shut down before the job ran")]
    Discarded,
    /// As many jobs are queued as may be.
    #[error("the queue is full")]
    Full,
    /// The pool was closed before it took the job.
    #[error("the pool is closed")]
    Closed,
    /// The pool has no thread, and the system started none.
    #[error("no thread could be started")]
    NoThread {
        /// What the system said.
        source: io::Error,
    },
}

impl<F> From<Refused<F>> for JobError {
    fn from(refused: Refused<F>) -> Self {
        match refused {
            Refused::Full(_) => Self::Full,
            Refused::Closed(_) => Self::Closed,
            Refused::NoThread { source, .. } => Self::NoThread { source },
        }
    }
}
