//! What a batch and its callers share once it has begun: whom to wake, and then whose output is whose.

use super::BatchError;
use crate::sync::Mutex;
use std::{
    mem,
    task::{Context, Waker},
};

pub(super) struct Round<O, E>(Mutex<State<O, E>>);

struct State<O, E> {
    stage: Stage<O, E>,
    /// By caller.
    wakers: Vec<Option<Waker>>,
}

enum Stage<O, E> {
    /// The batch is in the book, and so are the wakers.
    Open,
    Running,
    /// By entry of the batch.
    Done(Vec<Output<O>>),
    Failed(BatchError<E>),
}

/// An output, and how many may still ask for it.
pub(super) struct Output<O> {
    pub(super) value: Option<O>,
    pub(super) callers: u32,
}

/// What a caller finds.
pub(super) enum Found<O, E> {
    /// The batch has not begun: look into the book.
    Open,
    Pending,
    Result(Result<O, BatchError<E>>),
}

impl<O, E> Round<O, E> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { stage: Stage::Open, wakers: Vec::new() }))
    }

    pub(super) fn begin(&self, wakers: Vec<Option<Waker>>) {
        let mut state = self.0.lock();
        state.stage = Stage::Running;
        state.wakers = wakers;
    }

    pub(super) fn end(&self, outcome: Result<Vec<Output<O>>, BatchError<E>>) {
        let mut state = self.0.lock();
        state.stage = match outcome {
            Ok(outputs) => Stage::Done(outputs),
            Err(error) => Stage::Failed(error),
        };
        let wakers = mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// The output of an entry, a clone of it where others may ask too; a waker is left where there is none yet.
    pub(super) fn poll(
        &self,
        caller: usize,
        entry: usize,
        clone: Option<fn(&O) -> O>,
        cx: &mut Context<'_>,
    ) -> Found<O, E> {
        let mut state = self.0.lock();
        let State { stage, wakers } = &mut *state;
        match stage {
            Stage::Open => Found::Open,
            Stage::Running => {
                register(&mut wakers[caller], cx);
                Found::Pending
            }
            Stage::Failed(error) => Found::Result(Err(error.clone())),
            Stage::Done(outputs) => Found::Result(Ok(outputs[entry].give(clone))),
        }
    }

    /// Forgets who is no longer there.
    pub(super) fn leave(&self, caller: usize) {
        let mut state = self.0.lock();
        let waker = state.wakers.get_mut(caller).and_then(Option::take);
        drop(state);
        drop(waker);
    }
}

impl<O> Output<O> {
    fn give(&mut self, clone: Option<fn(&O) -> O>) -> O {
        let given = match (clone, &self.value) {
            (Some(clone), Some(value)) if self.callers > 1 => Some(clone(value)),
            _ => self.value.take(),
        };
        self.callers = self.callers.saturating_sub(1);
        let Some(given) = given else { unreachable!("each caller takes its output once") };
        given
    }
}

pub(super) fn register(place: &mut Option<Waker>, cx: &Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        none => *none = Some(cx.waker().clone()),
    }
}
