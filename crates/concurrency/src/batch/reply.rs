use super::{
    BatchError, Inner,
    book::Place,
    round::{Found, register},
};
use std::{
    fmt,
    hash::Hash,
    ops::Deref,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// The output of an item that a [`Batcher`](super::Batcher) took; made by [`try_submit`](super::Batcher::try_submit).
///
/// It borrows the batcher. For one that a task can take along, see
/// [`try_submit_owned`](super::Batcher::try_submit_owned).
///
/// # Cancel safety
/// Dropping it takes the item out of a batch that has not begun, unless an equal one's caller still waits for it. A
/// batch that runs is not disturbed.
#[must_use = "dropping it takes the item out of its batch"]
pub struct Reply<'a, I, O, E, K = ()>(Waits<&'a Inner<I, O, E, K>, I, O, E, K>)
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static;

impl<'a, I, O, E, K> Reply<'a, I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    pub(super) fn new(inner: &'a Inner<I, O, E, K>, place: Place<O, E>) -> Self {
        Self(Waits { inner, place: Some(place) })
    }
}

impl<I, O, E, K> Future for Reply<'_, I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    type Output = Result<O, BatchError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl<I, O, E, K> fmt::Debug for Reply<'_, I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("over", &self.0.place.is_none()).finish_non_exhaustive()
    }
}

/// A [`Reply`] that keeps its batcher alive, so that a spawned task can await it; made by
/// [`try_submit_owned`](super::Batcher::try_submit_owned).
///
/// # Cancel safety
/// Dropping it takes the item out of a batch that has not begun, unless an equal one's caller still
/// waits for it. A batch that runs is not disturbed.
#[must_use = "dropping it takes the item out of its batch"]
pub struct OwnedReply<I, O, E, K = ()>(Waits<Owned<I, O, E, K>, I, O, E, K>)
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static;

impl<I, O, E, K> OwnedReply<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    pub(super) fn new(inner: Owned<I, O, E, K>, place: Place<O, E>) -> Self {
        Self(Waits { inner, place: Some(place) })
    }
}

impl<I, O, E, K> Future for OwnedReply<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    type Output = Result<O, BatchError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl<I, O, E, K> fmt::Debug for OwnedReply<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedReply").field("over", &self.0.place.is_none()).finish_non_exhaustive()
    }
}

type Owned<I, O, E, K> = Arc<Inner<I, O, E, K>>;

/// A caller that waits, by any handle of the batcher.
struct Waits<H, I, O, E, K>
where
    H: Deref<Target = Inner<I, O, E, K>>,
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    inner: H,
    place: Option<Place<O, E>>,
}

impl<H, I, O, E, K> Waits<H, I, O, E, K>
where
    H: Deref<Target = Inner<I, O, E, K>>,
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<O, BatchError<E>>> {
        let result = ready!(self.look(cx));
        self.place = None;
        Poll::Ready(result)
    }

    fn look(&self, cx: &mut Context<'_>) -> Poll<Result<O, BatchError<E>>> {
        let Some(place) = &self.place else { unreachable!("polled after it was ready") };
        let clone = self.inner.equal.as_ref().map(|equal| equal.clone);
        let mut found = place.round.poll(place.caller, place.entry, clone, cx);
        if matches!(found, Found::Open) {
            let mut book = self.inner.book.lock();
            if let Some(waker) = book.waker(place.batch, place.caller) {
                register(waker, cx);
                return Poll::Pending;
            }
            drop(book);
            // It has begun in the meantime.
            found = place.round.poll(place.caller, place.entry, clone, cx);
        }
        match found {
            Found::Open | Found::Pending => Poll::Pending,
            Found::Result(result) => Poll::Ready(result),
        }
    }
}

impl<H, I, O, E, K> Drop for Waits<H, I, O, E, K>
where
    H: Deref<Target = Inner<I, O, E, K>>,
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        let mut book = self.inner.book.lock();
        let left = book.leave(&place);
        let drained = book.is_drained();
        drop(book);
        match left {
            Some(left) => drop(left),
            None => place.round.leave(place.caller),
        }
        if drained {
            self.inner.drained.notify_waiters();
        }
    }
}
