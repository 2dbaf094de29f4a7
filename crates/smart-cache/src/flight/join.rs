use super::{Call, Calls, Turn, lead_or_find};
use parking_lot::Mutex;
use std::{
    fmt,
    hash::Hash,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// Waits for the [`Turn`] of a caller; made by [`Flight::join`](super::Flight::join).
#[must_use = "futures do nothing unless polled"]
pub struct Join<K, T> {
    calls: Arc<Mutex<Calls<K, T>>>,
    key: K,
    /// The call that we wait for, and the place of our waker in it.
    waits: Option<(Arc<Call<T>>, Option<u64>)>,
}

impl<K, T> Join<K, T> {
    pub(super) fn new(calls: Arc<Mutex<Calls<K, T>>>, key: K) -> Self {
        Self { calls, key, waits: None }
    }
}

/// Nothing in it is pinned.
impl<K, T> Unpin for Join<K, T> {}

impl<K: Hash + Eq + Clone, T: Clone> Future for Join<K, T> {
    type Output = Turn<K, T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Turn<K, T>> {
        let this = &mut *self;
        loop {
            let (call, place) = match &mut this.waits {
                Some((call, place)) => (&*call, place),
                None => match lead_or_find(&this.calls, &this.key) {
                    Ok(leader) => return Poll::Ready(Turn::Lead(leader)),
                    Err(call) => {
                        this.waits = Some((call, None));
                        continue;
                    }
                },
            };
            match call.wait(place, context.waker().clone()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(ended) => {
                    this.waits = None;
                    if let Some(result) = ended {
                        return Poll::Ready(Turn::Landed(result));
                    }
                }
            }
        }
    }
}

impl<K, T> Drop for Join<K, T> {
    fn drop(&mut self) {
        if let Some((call, Some(place))) = &self.waits {
            call.leave(*place);
        }
    }
}

impl<K: fmt::Debug, T> fmt::Debug for Join<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("key", &self.key).finish_non_exhaustive()
    }
}
