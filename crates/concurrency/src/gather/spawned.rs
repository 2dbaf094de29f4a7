use super::{GatherError, Results, flatten, guard::Guarded, ordered::Ordered};
use crate::Panicked;
use futures_util::Stream;
use parking_lot::Mutex;
use std::{
    fmt,
    iter::Enumerate,
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};
use tokio::{
    runtime::Handle,
    task::{JoinError, JoinHandle, JoinSet},
};

/// Futures to run as tasks of a runtime, so many at once; made by [`Gather::spawned`](super::Gather::spawned).
#[must_use = "nothing runs before one of its methods is awaited"]
pub struct Spawned<I> {
    items: I,
    limit: usize,
    runtime: Handle,
}

impl<I> Spawned<I> {
    pub(super) fn new(items: I, limit: usize, runtime: Handle) -> Self {
        Self { items, limit, runtime }
    }
}

type Told<F> = (usize, Result<<F as Future>::Output, Panicked>);
type Workers<I> = JoinSet<Vec<Told<<I as Iterator>::Item>>>;

impl<I> Spawned<I>
where
    I: Iterator<Item: Future<Output: Send + 'static> + Send + 'static> + Send + 'static,
{
    /// All results, in the order of the items.
    ///
    /// As many tasks as the limit says, each of which takes one item after the other: that costs a tenth of a task for
    /// each item.
    ///
    /// # Panics
    /// If the iterator does.
    ///
    /// # Cancel safety
    /// Dropping it aborts the tasks; no further item begins.
    pub async fn all(self) -> Vec<Result<<I::Item as Future>::Output, Panicked>> {
        let mut results = Results::new();
        let (mut workers, rest) = self.workers(|_| false);
        while let Some(told) = workers.join_next().await {
            told.unwrap_or_else(end).into_iter().for_each(|(nth, result)| results.put(nth, result));
        }
        results.fill(rest.count(), |_| Err(shut_down()));
        results.into_vec()
    }

    /// All values, in the order of the items, if all items bring one.
    ///
    /// # Errors
    /// A failure, or a panic, after which no further items begin; those that run are aborted.
    ///
    /// # Panics
    /// If the iterator does.
    ///
    /// # Cancel safety
    /// Dropping it aborts the tasks; no further item begins.
    pub async fn try_all<T, E>(self) -> Result<Vec<T>, GatherError<E>>
    where
        I::Item: Future<Output = Result<T, E>>,
        T: Send + 'static,
        E: Send + 'static,
    {
        let mut results = Results::new();
        let (mut workers, rest) = self.workers(|result| !matches!(result, Ok(Ok(_))));
        while let Some(told) = workers.join_next().await {
            for (nth, result) in told.unwrap_or_else(end) {
                results.put(nth, flatten(nth, result)?);
            }
        }
        match results.missing(rest.count()) {
            None => Ok(results.into_vec()),
            Some(nth) => Err(GatherError::Panicked { nth, source: shut_down() }),
        }
    }

    /// The results one by one, in the order of the items; a task for each. An item that is ready waits for those before
    /// it, and counts to the limit until it is taken. Items go on whether the stream is polled or not.
    pub fn stream(self) -> SpawnedOrdered<I> {
        let runtime = self.runtime;
        let spawn: Spawn<I> = Box::new(move |item| Task(runtime.spawn(item)));
        SpawnedOrdered(Ordered::new(Spawning { items: self.items, spawn }, self.limit))
    }

    /// Tasks that take one item after the other, until there is none or a result is one to `stop` at.
    fn workers(
        self,
        stop: impl Fn(&Result<<I::Item as Future>::Output, Panicked>) -> bool + Copy + Send + 'static,
    ) -> (Workers<I>, Arc<Rest<I>>) {
        let (mut workers, mut items) = (JoinSet::new(), self.items.enumerate());
        // One for each of the first items, so that there are no more tasks than items.
        let first: Vec<_> = items.by_ref().take(self.limit).collect();
        let (taken, stopped) = (AtomicUsize::new(first.len()), AtomicBool::new(false));
        let rest = Arc::new(Rest { items: Mutex::new(Some(items)), taken, stopped });
        for first in first {
            let rest = Arc::clone(&rest);
            let work = async move {
                let (mut told, mut next) = (Vec::new(), Some(first));
                while let Some((nth, item)) = next {
                    let (nth, result) = Guarded::new(nth, item).await;
                    let stops = stop(&result);
                    told.push((nth, result));
                    if stops {
                        rest.stopped.store(true, Relaxed);
                        break;
                    }
                    next = rest.next();
                }
                told
            };
            workers.spawn_on(work, &self.runtime);
        }
        (workers, rest)
    }
}

/// The items that nobody has taken yet.
struct Rest<I> {
    items: Mutex<Option<Enumerate<I>>>,
    taken: AtomicUsize,
    stopped: AtomicBool,
}

impl<I: Iterator> Rest<I> {
    fn next(&self) -> Option<(usize, I::Item)> {
        if self.stopped.load(Relaxed) {
            return None;
        }
        let mut rest = self.items.lock();
        // Out of its place while it runs: one that panics, or has ended, is not asked again.
        let mut items = rest.take()?;
        let next = items.next()?;
        *rest = Some(items);
        self.taken.fetch_add(1, Relaxed);
        Some(next)
    }

    /// How many items there were in all; those that nobody took are dropped.
    fn count(&self) -> usize {
        let left = self.items.lock().take();
        self.taken.load(Relaxed) + left.map_or(0, Iterator::count)
    }
}

/// A worker that did not end by itself: its iterator panicked, or the runtime is going down.
fn end<T>(error: JoinError) -> Vec<T> {
    match error.try_into_panic() {
        Ok(payload) => resume_unwind(payload),
        Err(_) => Vec::new(),
    }
}

/// For items whose task was cancelled by its runtime.
fn shut_down() -> Panicked {
    Panicked::new(Box::new("its runtime was shut down"))
}

/// A task that is aborted when nobody waits for it.
struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(ended.map_err(|error| error.try_into_panic().map_or_else(|_| shut_down(), Panicked::new)))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type Spawn<I> = Box<dyn Fn(<I as Iterator>::Item) -> Task<<<I as Iterator>::Item as Future>::Output> + Send>;

/// Makes a task of each item that is asked for.
struct Spawning<I: Iterator<Item: Future>> {
    items: I,
    spawn: Spawn<I>,
}

impl<I: Iterator<Item: Future>> Iterator for Spawning<I> {
    type Item = Task<<I::Item as Future>::Output>;

    fn next(&mut self) -> Option<Self::Item> {
        self.items.next().map(&self.spawn)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

/// Results of tasks in the order of their items; made by [`Spawned::stream`].
///
/// Dropping it aborts all tasks.
#[must_use = "streams do nothing unless polled"]
pub struct SpawnedOrdered<I: Iterator<Item: Future>>(Ordered<Spawning<I>>);

impl<I: Iterator<Item: Future>> Stream for SpawnedOrdered<I> {
    type Item = Result<<I::Item as Future>::Output, Panicked>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(Pin::new(&mut self.0).poll_next(context));
        Poll::Ready(next.map(Result::flatten))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<I: Iterator<Item: Future>> fmt::Debug for SpawnedOrdered<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpawnedOrdered").field(&self.0).finish()
    }
}

impl<I> fmt::Debug for Spawned<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawned").field("limit", &self.limit).finish_non_exhaustive()
    }
}
