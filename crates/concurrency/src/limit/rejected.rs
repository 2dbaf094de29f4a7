use std::time::Duration;

/// Why a [`Limit`](super::Limit) refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// As many as may wait were waiting already.
    #[error("too busy: {max_queue} are waiting already")]
    QueueFull {
        /// How many may wait.
        max_queue: usize,
    },
    /// Its turn did not come in time.
    #[error("too busy: no place became free within {max_wait:?}")]
    WaitedTooLong {
        /// How long one may wait.
        max_wait: Duration,
    },
    /// The queue was full, and one of a higher priority, or of a partition below its share, took its place in it.
    #[error("too busy: one that comes first took its place in the queue")]
    Displaced,
}

/// The error of a service behind a [`LimitLayer`](super::LimitLayer): the limit's or its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Limited<E> {
    /// The limit refused; the service was not called. In HTTP this is 503 with `Retry-After`.
    #[error(transparent)]
    Rejected(Rejected),
    /// The service failed.
    #[error(transparent)]
    Inner(E),
}
