use super::{Class, Semaphore, State};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Why a wait ended without a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limit) enum Refused {
    /// As many as may wait were waiting.
    Full,
    /// One that comes first took its place in the queue.
    Displaced,
}

/// A wait in the queue; gives how much was taken. Joins the queue when it is first polled and leaves it when dropped.
pub(in crate::limit) struct Turn<'a> {
    semaphore: &'a Semaphore,
    class: Class,
    weight: usize,
    max_queue: usize,
    waiter: Option<usize>,
}

impl<'a> Turn<'a> {
    pub(in crate::limit) fn new(
        semaphore: &'a Semaphore,
        class: Class,
        weight: usize,
        max_queue: usize,
    ) -> Self {
        Self { semaphore, class, weight, max_queue, waiter: None }
    }

    fn join(&mut self, cx: &mut Context<'_>) -> Result<usize, Refused> {
        let waiter = match self.waiter {
            Some(waiter) => waiter,
            None => self
                .semaphore
                .queue(self.class, self.weight, self.max_queue, cx.waker())
                .ok_or(Refused::Full)?,
        };
        self.waiter = Some(waiter);
        Ok(waiter)
    }
}

impl Future for Turn<'_> {
    type Output = Result<usize, Refused>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waiter = match self.join(cx) {
            Ok(waiter) => waiter,
            Err(refused) => return Poll::Ready(Err(refused)),
        };
        let mut old = None;
        let state = self.semaphore.queue.lock().poll(waiter, cx.waker(), &mut old);
        drop(old);
        state.map(|state| {
            self.waiter = None;
            match state {
                State::Granted(taken) => Ok(taken),
                _ => Err(Refused::Displaced),
            }
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.semaphore.leave(self.class, waiter);
        }
    }
}
