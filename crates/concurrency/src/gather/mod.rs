//! Many futures, so many of them at once, and the results in the order of the items.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use perfect21_concurrency::gather;
//!
//! async fn length(word: &str) -> usize {
//!     word.len()
//! }
//!
//! let lengths = gather(["oak", "birch"].map(length), 50)?.all().await;
//! assert_eq!(lengths, [Ok(3), Ok(5)]);
//! # Ok(())
//! # }
//! ```
//!
//! # Which way
//!
//! | | results | an error of an item | runs |
//! |---|---|---|---|
//! | [`all`](Gather::all) | all at the end | is its result | within the caller's task |
//! | [`try_all`](Gather::try_all) | all at the end | ends it, and drops the rest | within the caller's task |
//! | [`stream`](Gather::stream) | one by one | is its result | within the caller's task, while the stream is asked |
//! | [`spawned`](Gather::spawned), then one of the three | | | in tasks of a runtime, on all its threads |
//!
//! Items that only wait (for a network, a database) are cheapest within the caller's task. Items that compute, or that must go
//! on while whoever reads the stream is busy, are for tasks.
//!
//! A panic of an item is that item's result, [`Panicked`]; the others go on. Dropping a gather drops or aborts all that runs,
//! and never starts the rest. Beside the results it holds no more than the limit's number of items: the iterator is asked for
//! an item when there is room.

mod guard;
mod ordered;
mod spawned;

pub use ordered::Ordered;
pub use spawned::{Spawned, SpawnedOrdered};

use crate::Panicked;
use futures_buffered::FuturesUnorderedBounded;
use futures_util::Stream;
use guard::Guarded;
use perfect21_core::ConfigError;
use std::{fmt, future::poll_fn, ops::ControlFlow, pin::pin, task::Poll};

/// More than this at once is taken for a mistake: their places are made at the start.
const MAX_LIMIT: usize = 1 << 20;

/// So many items that were ready at once, and other tasks of the thread get their turn.
const YIELD_AFTER: usize = 256;

/// Makes futures run, so many at once; nothing runs before one of its methods is awaited. See the
/// [module's page](self).
///
/// # Errors
/// If the limit is zero, or above 1 048 576.
pub fn gather<I>(items: I, limit: usize) -> Result<Gather<I::IntoIter>, ConfigError>
where
    I: IntoIterator<Item: Future>,
{
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ConfigError::new("limit", limit, format!("must be from 1 to {MAX_LIMIT}")));
    }
    Ok(Gather { items: items.into_iter(), limit })
}

/// Futures to run, so many at once; made by [`gather`].
#[must_use = "nothing runs before one of its methods is awaited"]
pub struct Gather<I> {
    items: I,
    limit: usize,
}

/// Why [`Gather::try_all`] ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatherError<E> {
    /// An item failed.
    #[error("item {nth} failed")]
    Item {
        /// Which one, from 0 on.
        nth: usize,
        /// How.
        source: E,
    },
    /// An item panicked.
    #[error("item {nth} panicked")]
    Panicked {
        /// Which one, from 0 on.
        nth: usize,
        /// What it said.
        source: Panicked,
    },
}

impl<I> Gather<I>
where
    I: Iterator<Item: Future>,
{
    /// All results, in the order of the items.
    ///
    /// # Cancel safety
    /// Dropping it drops all items.
    pub async fn all(self) -> Vec<Result<<I::Item as Future>::Output, Panicked>> {
        let mut results = Results::new();
        self.each(|nth, result| {
            results.put(nth, result);
            ControlFlow::<()>::Continue(())
        })
        .await;
        results.into_vec()
    }

    /// All values, in the order of the items, if all items bring one.
    ///
    /// # Errors
    /// The first failure in time, or panic. Items that still ran then are dropped, and no further ones begin.
    ///
    /// # Cancel safety
    /// Dropping it drops all items.
    pub async fn try_all<T, E>(self) -> Result<Vec<T>, GatherError<E>>
    where
        I::Item: Future<Output = Result<T, E>>,
    {
        let mut results = Results::new();
        let failed = self
            .each(|nth, result| match flatten(nth, result) {
                Ok(value) => {
                    results.put(nth, value);
                    ControlFlow::Continue(())
                }
                Err(error) => ControlFlow::Break(error),
            })
            .await;
        failed.map_or_else(|| Ok(results.into_vec()), Err)
    }

    /// The results one by one, in the order of the items. An item that is ready waits for those before it, and counts
    /// to the limit until it is taken.
    ///
    /// Nothing goes on while the stream is not polled: an item's own timeout may then pass unseen. Where the reader is
    /// slow, use [`spawned`](Self::spawned).
    pub fn stream(self) -> Ordered<I> {
        Ordered::new(self.items, self.limit)
    }

    /// The same in tasks of a runtime, on all its threads, whoever reads and however slowly.
    pub fn spawned(self, runtime: &tokio::runtime::Handle) -> Spawned<I>
    where
        I: Send + 'static,
        I::Item: Future<Output: Send + 'static> + Send + 'static,
    {
        Spawned::new(self.items, self.limit, runtime.clone())
    }

    /// Runs them, and tells each result as it comes, until one of them breaks off.
    async fn each<B>(
        self,
        mut tell: impl FnMut(usize, Result<<I::Item as Future>::Output, Panicked>) -> ControlFlow<B>,
    ) -> Option<B> {
        let Self { items, limit } = self;
        // No more places than there can be items.
        let places = items.size_hint().1.map_or(limit, |most| limit.min(most.max(1)));
        let mut running = pin!(FuturesUnorderedBounded::new(places));
        let mut items = items.enumerate().fuse();
        let mut at_once = 0;
        poll_fn(|context| {
            loop {
                while running.len() < places {
                    let Some((nth, item)) = items.next() else { break };
                    running.push(Guarded::new(nth, item));
                }
                if at_once == YIELD_AFTER {
                    at_once = 0;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                match running.as_mut().poll_next(context) {
                    Poll::Ready(Some((nth, result))) => {
                        at_once += 1;
                        if let ControlFlow::Break(broken) = tell(nth, result) {
                            return Poll::Ready(Some(broken));
                        }
                    }
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Pending => {
                        at_once = 0;
                        return Poll::Pending;
                    }
                }
            }
        })
        .await
    }
}

fn flatten<T, E>(nth: usize, result: Result<Result<T, E>, Panicked>) -> Result<T, GatherError<E>> {
    match result {
        Ok(result) => result.map_err(|source| GatherError::Item { nth, source }),
        Err(source) => Err(GatherError::Panicked { nth, source }),
    }
}

/// Results that come in any order.
struct Results<T>(Vec<Option<T>>);

impl<T> Results<T> {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn put(&mut self, nth: usize, result: T) {
        if nth >= self.0.len() {
            self.0.resize_with(nth + 1, || None);
        }
        self.0[nth] = Some(result);
    }

    /// The first that is missing of so many.
    fn missing(&self, of: usize) -> Option<usize> {
        let gap = self.0.iter().position(Option::is_none);
        gap.or_else(|| (self.0.len() < of).then_some(self.0.len()))
    }

    fn fill(&mut self, of: usize, mut result: impl FnMut(usize) -> T) {
        self.0.resize_with(of.max(self.0.len()), || None);
        for (nth, place) in self.0.iter_mut().enumerate() {
            place.get_or_insert_with(|| result(nth));
        }
    }

    fn into_vec(self) -> Vec<T> {
        // Each item has ended: there are no gaps.
        self.0.into_iter().flatten().collect()
    }
}

impl<I> fmt::Debug for Gather<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("limit", &self.limit).finish_non_exhaustive()
    }
}
