//! The tasks: one for each batch that runs, and one for the first deadline.

use super::{
    BatchError, Inner,
    batch::{Begun, Entry},
    round::{Output, Round},
};
use crate::panicked::{Panicked, guarded};
use futures_util::FutureExt as _;
use std::{
    hash::Hash,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
};
use tokio::time::{Instant, sleep_until};

impl<I, O, E, K> Inner<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    /// Starts what may begin. Called without the lock.
    pub(super) fn launch(self: &Arc<Self>) {
        loop {
            let Some(begun) = self.book.lock().begin() else { return };
            self.spawn(begun);
        }
    }

    /// Runs a batch, and those after it, on a task: whoever waits may leave.
    pub(super) fn spawn(self: &Arc<Self>, begun: Begun<I, O, E>) {
        let mut flight = Flight { inner: Arc::clone(self), round: Some(Arc::clone(&begun.round)) };
        self.runtime.spawn(async move {
            let mut next = Some(begun);
            while let Some(begun) = next.take() {
                flight.round = Some(Arc::clone(&begun.round));
                let outcome = flight.inner.call(begun).await;
                next = flight.land(outcome);
            }
        });
    }

    pub(super) async fn call(&self, begun: Begun<I, O, E>) -> Result<Vec<Output<O>>, BatchError<E>> {
        let mut items = Vec::with_capacity(begun.items);
        // How many callers each entry has; none where all left before it began.
        let mut callers = Vec::with_capacity(begun.entries.len());
        for entry in begun.entries {
            callers.push(entry.as_ref().map_or(0, |entry| entry.callers));
            items.extend(entry.map(|Entry { item, .. }| item));
        }
        let count = items.len();
        // The closure itself may panic, before there is a future.
        let outputs = match catch_unwind(AssertUnwindSafe(|| (self.handler)(items))) {
            Ok(future) => AssertUnwindSafe(future).catch_unwind().await,
            Err(payload) => Err(payload),
        };
        let outputs = outputs
            .map_err(|payload| BatchError::Panicked(Panicked::new(payload)))?
            .map_err(|error| BatchError::Failed(Arc::new(error)))?;
        if outputs.len() != count {
            return Err(BatchError::Miscounted { items: count, outputs: outputs.len() });
        }
        let mut outputs = outputs.into_iter();
        let by_entry = callers
            .into_iter()
            .map(|callers| Output { value: if callers > 0 { outputs.next() } else { None }, callers });
        Ok(by_entry.collect())
    }

    /// Waits for the first deadline, as long as there is one.
    pub(super) fn spawn_timer(self: &Arc<Self>) {
        let mut timer = Timer { inner: Arc::downgrade(self), over: false };
        let task = self.runtime.spawn(async move {
            while let Some(deadline) = timer.next() {
                sleep_until(deadline).await;
            }
        });
        *self.timer.lock() = Some(task.abort_handle());
    }

    /// Nobody will run what waits: tells everybody.
    #[cold]
    fn abandon(&self) {
        let mut book = self.book.lock();
        let begun = book.abandon();
        book.counts.lost += begun.len() as u64;
        drop(book);
        for Begun { round, entries, .. } in begun {
            guarded(|| round.end(Err(BatchError::Lost)));
            guarded(|| drop(entries));
        }
    }

    fn notify_drained(&self) {
        if self.book.lock().is_drained() {
            self.drained.notify_waiters();
        }
    }
}

/// The task of the first deadline ends with the batcher: the deadline may be far, and nothing is
/// left to begin.
impl<I, O, E, K> Drop for Inner<I, O, E, K> {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.lock().take() {
            timer.abort();
        }
    }
}

/// A batch on its way. If its task is dropped, as when the runtime ends, its callers are told.
pub(super) struct Flight<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    pub(super) inner: Arc<Inner<I, O, E, K>>,
    pub(super) round: Option<Arc<Round<O, E>>>,
}

impl<I, O, E, K> Flight<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    /// Counts the batch, finds the next, and only then hands the outputs over: whoever has one finds it counted.
    pub(super) fn land(&mut self, outcome: Result<Vec<Output<O>>, BatchError<E>>) -> Option<Begun<I, O, E>> {
        let mut book = self.inner.book.lock();
        let counts = &mut book.counts;
        match &outcome {
            Err(BatchError::Failed(_)) => counts.failed += 1,
            Err(BatchError::Panicked(_)) => counts.panicked += 1,
            Err(BatchError::Miscounted { .. }) => counts.miscounted += 1,
            _ => {}
        }
        book.end();
        let next = book.begin();
        let drained = book.is_drained();
        drop(book);
        if let Some(round) = self.round.take() {
            guarded(|| round.end(outcome));
            // The last to hold it drops outputs that nobody wants.
            guarded(|| drop(round));
        }
        if drained {
            self.inner.drained.notify_waiters();
        }
        next
    }
}

impl<I, O, E, K> Drop for Flight<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    fn drop(&mut self) {
        let Some(round) = self.round.take() else { return };
        let mut book = self.inner.book.lock();
        book.end();
        book.counts.lost += 1;
        drop(book);
        guarded(|| round.end(Err(BatchError::Lost)));
        self.inner.abandon();
        self.inner.notify_drained();
    }
}

/// The task of the first deadline. It keeps no batcher alive, and if it is dropped those who wait are told.
struct Timer<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    inner: Weak<Inner<I, O, E, K>>,
    over: bool,
}

impl<I, O, E, K> Timer<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    /// Lets those begin whose time has come; the next deadline, or the timer's end.
    fn next(&mut self) -> Option<Instant> {
        let Some(inner) = self.inner.upgrade() else {
            self.over = true;
            return None;
        };
        let mut book = inner.book.lock();
        let next = book.pass(Instant::now());
        if next.is_none() {
            book.timer = false;
            self.over = true;
        }
        drop(book);
        inner.launch();
        next
    }
}

impl<I, O, E, K> Drop for Timer<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    fn drop(&mut self) {
        if !self.over
            && let Some(inner) = self.inner.upgrade()
        {
            inner.book.lock().timer = false;
            inner.abandon();
            inner.notify_drained();
        }
    }
}
