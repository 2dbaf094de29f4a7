//! Many callers with one item each, one call for all of them.
//!
//! | | |
//! |---|---|
//! | [`Batcher`] | takes items, hands batches to the handler and each caller its own output; clones share it |
//! | [`Reply`], [`OwnedReply`] | an item's output to come |
//! | [`Refused`], [`BatchError`] | why an item was not taken, and why it has no output |
//!
//! # When a batch begins
//! When it has `max_size` items or weighs `max_weight`, when its oldest item has waited for `max_wait`, or when it is
//! flushed; and not before fewer than `max_in_flight` batches run. Until then it takes items, unless it is full. Time is
//! tokio's, one task waits for the first of all deadlines, and there is none while nothing waits.

#[allow(clippy::module_inception, reason = "the room is named for what it makes of batches")]
mod batch;
mod book;
mod builder;
mod error;
#[cfg(all(test, perfect21_loom))]
mod models;
mod reply;
mod round;
mod run;
mod stats;

pub use builder::BatcherBuilder;
pub use error::{BatchError, Refused};
pub use reply::{OwnedReply, Reply};
pub use stats::Stats;

use crate::sync::Mutex;
use batch::{Arrival, Equal};
use book::{Book, Place};
use futures_util::future::BoxFuture;
use perfect21_core::ConfigError;
use std::{
    fmt,
    future::poll_fn,
    hash::Hash,
    pin::Pin,
    sync::Arc,
    task::{Poll, Waker},
};
use tokio::{runtime::Handle, sync::Notify, task::AbortHandle};

type Handler<I, O, E> = Box<dyn Fn(Vec<I>) -> BoxFuture<'static, Result<Vec<O>, E>> + Send + Sync>;
type KeyOf<I, K> = Box<dyn Fn(&I) -> K + Send + Sync>;
type WeightOf<I> = Box<dyn Fn(&I) -> u64 + Send + Sync>;

/// Gathers single items into batches for a handler that is cheaper by the batch; clones share it.
///
/// The handler gets the items and gives back as many outputs in their order, or an error for all of them. Where items
/// fail one by one, let its outputs be `Result`s. Batches run on tasks of the runtime, so a caller may leave at any
/// time: an item whose callers all left before its batch began is not in it. A handler that fails, panics or miscounts
/// is told to its batch's callers, and the next batch is as good as the first.
///
/// Costs a short lock for an item, and an allocation or two for a batch. Holds at most `max_waiting` items that wait.
///
/// The handler is a closure that returns a future. If it captures something, such as a pool of
/// connections, clone it for each batch, as here: an `async` closure that captures does not
/// implement `Fn`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_concurrency::Batcher;
/// use std::{convert::Infallible, sync::Arc, time::Duration};
///
/// let greeting = Arc::new("hello".to_owned()); // a pool of connections, say
/// let batcher = Batcher::builder(move |names: Vec<&'static str>| {
///     let greeting = Arc::clone(&greeting);
///     async move {
///         // One statement for all of them.
///         Ok::<_, Infallible>(names.iter().map(|name| greeting.len() + name.len()).collect())
///     }
/// })
/// .max_size(500)
/// .max_wait(Duration::from_millis(2))
/// .build()?;
///
/// let (ada, grace) = tokio::join!(batcher.submit("ada"), batcher.submit("grace"));
/// assert_eq!((ada?, grace?), (8, 10));
/// assert_eq!(batcher.stats().batches, 1);
/// batcher.close().await;
/// # Ok(())
/// # }
/// ```
///
/// # Deadlocks
/// A handler must not await an item that it submits to its own batcher: if all
/// [`max_in_flight`](BatcherBuilder::max_in_flight) batches do so, none of them can end, and their
/// items wait for ever. Submit to another batcher, or do not await the reply.
pub struct Batcher<I, O, E, K = ()>(Arc<Inner<I, O, E, K>>);

struct Inner<I, O, E, K> {
    name: String,
    book: Mutex<Book<I, O, E, K>>,
    drained: Notify,
    runtime: Handle,
    /// The task that was last spawned to wait for the first deadline.
    timer: Mutex<Option<AbortHandle>>,
    handler: Handler<I, O, E>,
    key: KeyOf<I, K>,
    weight: Option<WeightOf<I>>,
    equal: Option<Equal<I, O>>,
}

impl<I, O, E> Batcher<I, O, E>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
{
    /// A batcher with the builder's defaults.
    ///
    /// # Errors
    /// If it is made outside a tokio runtime.
    pub fn new<H, F>(handler: H) -> Result<Self, ConfigError>
    where
        H: Fn(Vec<I>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<O>, E>> + Send + 'static,
    {
        Self::builder(handler).build()
    }

    /// Begins a batcher for a handler of batches.
    pub fn builder<H, F>(handler: H) -> BatcherBuilder<I, O, E>
    where
        H: Fn(Vec<I>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<O>, E>> + Send + 'static,
    {
        BatcherBuilder::new(Box::new(move |items| Box::pin(handler(items))))
    }
}

impl<I, O, E, K> Batcher<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    /// Puts an item into a batch and waits for its output.
    ///
    /// # Errors
    /// All of [`BatchError`]: it was not taken, or its batch failed.
    ///
    /// # Cancel safety
    /// Dropping it takes the item out of a batch that has not begun, unless an equal one's caller still waits for it. A
    /// batch that runs is not disturbed.
    pub async fn submit(&self, item: I) -> Result<O, BatchError<E>> {
        let mut item = Some(item);
        let mut reply: Option<Reply<'_, I, O, E, K>> = None;
        poll_fn(|cx| {
            let Some(item) = item.take() else {
                let Some(reply) = &mut reply else { unreachable!("polled after it was refused") };
                return Pin::new(reply).poll(cx);
            };
            // The waker goes in with the item, under the same lock.
            let place = self.0.take(item, Some(cx.waker().clone()))?;
            reply = Some(Reply::new(&*self.0, place));
            Poll::Pending
        })
        .await
    }

    /// Puts an item into a batch, or gives it back.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_concurrency::{Batcher, batch::Refused};
    /// use std::convert::Infallible;
    ///
    /// let batcher = Batcher::builder(async |texts: Vec<String>| {
    ///     Ok::<_, Infallible>(texts.iter().map(String::len).collect())
    /// })
    /// .max_waiting(1)
    /// .build()?;
    /// let first = batcher.try_submit("one".to_owned())?;
    /// let Err(Refused::Full(text)) = batcher.try_submit("two".to_owned()) else { unreachable!() };
    /// assert_eq!((text.as_str(), first.await?), ("two", 3));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Refused`], with the item.
    pub fn try_submit(&self, item: I) -> Result<Reply<'_, I, O, E, K>, Refused<I>> {
        let place = self.0.take(item, None)?;
        Ok(Reply::new(&*self.0, place))
    }

    /// Puts an item into a batch, or gives it back. The reply keeps the batcher alive and can go to
    /// a task.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_concurrency::Batcher;
    /// use std::convert::Infallible;
    ///
    /// let batcher = Batcher::new(|texts: Vec<String>| async move {
    ///     Ok::<_, Infallible>(texts.iter().map(String::len).collect())
    /// })?;
    /// let length = tokio::spawn(batcher.try_submit_owned("three".to_owned())?);
    /// assert_eq!(length.await??, 5);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns [`Refused`], with the item.
    pub fn try_submit_owned(&self, item: I) -> Result<OwnedReply<I, O, E, K>, Refused<I>> {
        let place = self.0.take(item, None)?;
        Ok(OwnedReply::new(Arc::clone(&self.0), place))
    }

    /// Lets all open batches begin, full or not, as soon as they may.
    pub fn flush(&self) {
        self.0.book.lock().flush();
        self.0.launch();
    }

    /// Takes no more items, flushes, and waits for all batches to end.
    ///
    /// # Cancel safety
    /// The batcher stays closed, and its batches run to their end.
    pub async fn close(&self) {
        self.0.book.lock().closed = true;
        self.flush();
        loop {
            let mut notified = std::pin::pin!(self.0.drained.notified());
            notified.as_mut().enable();
            if self.0.book.lock().is_drained() {
                return;
            }
            notified.await;
        }
    }

    /// What it did so far, and what it does now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.book.lock().stats()
    }

    fn name(&self) -> &str {
        &self.0.name
    }
}

impl<I, O, E, K> Inner<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    fn take(self: &Arc<Self>, item: I, waker: Option<Waker>) -> Result<Place<O, E>, Refused<I>> {
        // What the user wrote runs before the lock is taken.
        let key = (self.key)(&item);
        let weight = self.weight.as_ref().map_or(0, |weight| weight(&item));
        let hash = self.equal.as_ref().map_or(0, |equal| (equal.hash)(&item));
        let mut book = self.book.lock();
        if book.closed {
            return Err(Refused::Closed(item));
        }
        if book.is_full() {
            book.counts.rejected += 1;
            return Err(Refused::Full(item));
        }
        let place = book.add(key, Arrival { item, weight, hash, waker }, self.equal.as_ref());
        let timer = book.wants_timer();
        let begun = book.begin();
        drop(book);
        if timer {
            self.spawn_timer();
        }
        if let Some(begun) = begun {
            self.spawn(begun);
            self.launch();
        }
        Ok(place)
    }
}

impl<I, O, E, K> Clone for Batcher<I, O, E, K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I, O, E, K> fmt::Debug for Batcher<I, O, E, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher").field("name", &self.0.name).finish_non_exhaustive()
    }
}
