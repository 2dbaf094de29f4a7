//! One job: its closure, then its result, and whom it wakes.
//!
//! One allocation is shared by the queue, which sees [`Work`], and by the handle, which sees [`Join`]. The phase
//! decides who owns what is in the slot; only the holder of the queue's lock takes a job out of `WAITING` or `QUEUED`.

use super::JobError;
use crate::{
    panicked::Panicked,
    sync::{AtomicU8, Mutex, Ordering},
};
use std::{
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, Waker},
};

/// Not admitted yet: its submitter waits for room.
pub(super) const WAITING: u8 = 0;
/// Admitted.
pub(super) const QUEUED: u8 = 1;
/// A worker has it.
pub(super) const RUNNING: u8 = 2;
/// Its result is there.
pub(super) const DONE: u8 = 3;
/// Its handle was dropped before a worker took it.
pub(super) const CANCELLED: u8 = 4;
/// The pool dropped it at the end of its shutdown.
pub(super) const DISCARDED: u8 = 5;
/// The pool was closed while its submitter waited.
pub(super) const REFUSED: u8 = 6;
/// The pool has no thread for it, and the system starts none.
pub(super) const STRANDED: u8 = 7;

pub(super) struct Task<F, T> {
    phase: AtomicU8,
    slot: Mutex<Slot<F, T>>,
}

struct Slot<F, T> {
    content: Content<F, T>,
    waker: Option<Waker>,
}

enum Content<F, T> {
    Work(F),
    Output(Result<T, Panicked>),
    Stranded(io::Error),
    Nothing,
}

/// A job as the queue and the workers see it.
pub(super) trait Work: Send + Sync {
    fn phase(&self) -> u8;
    /// Changes the phase if it is `from`.
    fn advance(&self, from: u8, to: u8) -> bool;
    /// Calls the closure; tells whether it panicked. The result shows only after [`publish`](Self::publish).
    fn run(&self) -> bool;
    fn publish(&self);
    /// Drops the closure.
    fn discard(&self);
    /// Drops the closure, and tells the handle why; the phase says so already.
    fn strand(&self, error: io::Error);
    fn wake(&self);
}

/// A job as its handle sees it.
pub(super) trait Join<T>: Work {
    fn poll_result(&self, cx: &mut Context<'_>) -> Poll<Result<T, JobError>>;
}

impl<F, T> Task<F, T> {
    pub(super) fn new(work: F, phase: u8) -> Self {
        Self {
            phase: AtomicU8::new(phase),
            slot: Mutex::new(Slot { content: Content::Work(work), waker: None }),
        }
    }

    /// The closure, where nobody ran or dropped it.
    pub(super) fn take_work(&self) -> Option<F> {
        match self.take() {
            Content::Work(work) => Some(work),
            Content::Output(_) | Content::Stranded(_) | Content::Nothing => None,
        }
    }

    /// The phase, once it is no longer `WAITING`.
    pub(super) fn poll_admitted(&self, cx: &mut Context<'_>) -> Poll<u8> {
        let mut slot = self.slot.lock();
        match self.phase.load(Ordering::Acquire) {
            WAITING => {
                slot.wait(cx);
                Poll::Pending
            }
            phase => Poll::Ready(phase),
        }
    }

    fn take(&self) -> Content<F, T> {
        mem::replace(&mut self.slot.lock().content, Content::Nothing)
    }
}

impl<F, T> Slot<F, T> {
    fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

impl<F, T> Work for Task<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn phase(&self) -> u8 {
        self.phase.load(Ordering::Acquire)
    }

    fn advance(&self, from: u8, to: u8) -> bool {
        self.phase.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn run(&self) -> bool {
        let Some(work) = self.take_work() else { unreachable!("whoever took it out of the queue owns it") };
        let output = catch_unwind(AssertUnwindSafe(work)).map_err(Panicked::new);
        let panicked = output.is_err();
        self.slot.lock().content = Content::Output(output);
        panicked
    }

    fn publish(&self) {
        self.phase.store(DONE, Ordering::Release);
        self.wake();
    }

    fn discard(&self) {
        drop(self.take());
    }

    fn strand(&self, error: io::Error) {
        drop(mem::replace(&mut self.slot.lock().content, Content::Stranded(error)));
        self.wake();
    }

    fn wake(&self) {
        // The lock comes after the phase was changed: whoever waits has seen that, or has left a waker.
        let waker = self.slot.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<F, T> Join<T> for Task<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn poll_result(&self, cx: &mut Context<'_>) -> Poll<Result<T, JobError>> {
        let mut slot = self.slot.lock();
        match self.phase.load(Ordering::Acquire) {
            DONE => match mem::replace(&mut slot.content, Content::Nothing) {
                Content::Output(output) => Poll::Ready(output.map_err(JobError::Panicked)),
                _ => unreachable!("its handle takes the result once"),
            },
            STRANDED => match mem::replace(&mut slot.content, Content::Nothing) {
                Content::Stranded(source) => Poll::Ready(Err(JobError::NoThread { source })),
                // What for comes next, and wakes.
                content => {
                    slot.content = content;
                    slot.wait(cx);
                    Poll::Pending
                }
            },
            DISCARDED => Poll::Ready(Err(JobError::Discarded)),
            _ => {
                slot.wait(cx);
                Poll::Pending
            }
        }
    }
}
