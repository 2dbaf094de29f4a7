use super::{
    BatchError, Inner,
    book::Place,
    round::{Found, register},
};
use std::{
    fmt,
    hash::Hash,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The output of an item that a [`Batcher`](super::Batcher) took; made by [`try_submit`](super::Batcher::try_submit).
///
/// # Cancel safety
/// Dropping it takes the item out of a batch that has not begun, unless an equal one's caller still waits for it. A
/// batch that runs is not disturbed.
#[must_use = "dropping it takes the item out of its batch"]
pub struct Reply<'a, I, O, E, K = ()>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    inner: &'a Inner<I, O, E, K>,
    place: Option<Place<O, E>>,
}

impl<'a, I, O, E, K> Reply<'a, I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    pub(super) fn new(inner: &'a Inner<I, O, E, K>, place: Place<O, E>) -> Self {
        Self { inner, place: Some(place) }
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

impl<I, O, E, K> Future for Reply<'_, I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    type Output = Result<O, BatchError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.look(cx));
        self.place = None;
        Poll::Ready(result)
    }
}

impl<I, O, E, K> Drop for Reply<'_, I, O, E, K>
where
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

impl<I, O, E, K> fmt::Debug for Reply<'_, I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("over", &self.place.is_none()).finish_non_exhaustive()
    }
}
