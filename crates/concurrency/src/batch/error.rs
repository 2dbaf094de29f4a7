use crate::panicked::Panicked;
use std::{fmt, sync::Arc};

/// Why an item was not taken; gives it back.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Refused<I> {
    /// As many callers wait for a batch to begin as may.
    #[error("too many items are waiting")]
    Full(I),
    /// The batcher was closed.
    #[error("the batcher is closed")]
    Closed(I),
}

impl<I> Refused<I> {
    /// The item.
    pub fn into_inner(self) -> I {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

impl<I> fmt::Debug for Refused<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Closed(_) => "Closed",
        })
    }
}

/// Why an item has no output. What goes wrong with a batch is told to each of its callers, and harms no other batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError<E> {
    /// The handler failed; its error is shared by the callers of the batch.
    #[error("the batch failed")]
    Failed(#[source] Arc<E>),
    /// The handler panicked.
    #[error("the handler of a batch panicked")]
    Panicked(#[source] Panicked),
    /// The handler gave back another number of outputs than it had items: nobody can tell whose they are.
    #[error("the handler gave {outputs} outputs for {items} items")]
    Miscounted {
        /// How many items it was given.
        items: usize,
        /// How many outputs it gave back.
        outputs: usize,
    },
    /// As many callers wait for a batch to begin as may.
    #[error("too many items are waiting")]
    Full,
    /// The batcher was closed before it took the item.
    #[error("the batcher is closed")]
    Closed,
    /// The runtime that ran the batch ended.
    #[error("the runtime of the batcher ended")]
    Lost,
}

impl<E> Clone for BatchError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Panicked(panicked) => Self::Panicked(panicked.clone()),
            Self::Miscounted { items, outputs } => Self::Miscounted { items: *items, outputs: *outputs },
            Self::Full => Self::Full,
            Self::Closed => Self::Closed,
            Self::Lost => Self::Lost,
        }
    }
}

impl<I, E> From<Refused<I>> for BatchError<E> {
    fn from(refused: Refused<I>) -> Self {
        match refused {
            Refused::Full(_) => Self::Full,
            Refused::Closed(_) => Self::Closed,
        }
    }
}
