use std::time::Duration;

/// Why a [`BoundedPool`](crate::BoundedPool) gave no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// As many objects as may exist are in use.
    #[error("all {max_total} objects are in use")]
    Exhausted {
        /// How many may exist.
        max_total: usize,
    },
    /// None came back in time.
    #[error("none of {max_total} objects came back within {max_wait:?}")]
    #[non_exhaustive]
    TimedOut {
        /// How many may exist.
        max_total: usize,
        /// How long one may wait.
        max_wait: Duration,
    },
    /// The pool was closed.
    #[error("the pool is closed")]
    Closed,
}
