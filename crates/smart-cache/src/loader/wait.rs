//! Waiting for a load: no longer than there is time, and for one that runs elsewhere.

use crate::flight::call::{Call, State};
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

/// What `future` brings, or `None` if `alarm` is ready before.
pub(super) async fn before<T>(future: impl Future<Output = T>, alarm: impl Future<Output = ()>) -> Option<T> {
    let (mut future, mut alarm) = (pin!(future), pin!(alarm));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => alarm.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// A value from one task to another: who tells, and who is told `None` if nobody will.
pub(super) fn answer<T>() -> (Teller<T>, Told<T>) {
    let call = Arc::new(Call::new());
    (Teller(Arc::clone(&call)), Told { call, place: None })
}

pub(super) struct Teller<T>(Arc<Call<T>>);

impl<T> Teller<T> {
    pub(super) fn tell(self, value: T) {
        self.0.end(State::Landed(value));
    }
}

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        self.0.end(State::Abandoned);
    }
}

pub(super) struct Told<T> {
    call: Arc<Call<T>>,
    place: Option<u64>,
}

impl<T: Clone> Future for Told<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        this.call.wait(&mut this.place, context.waker().clone())
    }
}

impl<T> Drop for Told<T> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.call.leave(place);
        }
    }
}
