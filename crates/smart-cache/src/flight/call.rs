use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    mem,
    task::{Poll, Waker},
};

/// One call: who waits for it, then how it ended.
pub(crate) struct Call<T> {
    state: Mutex<State<T>>,
}

pub(crate) enum State<T> {
    /// Wakers by the place of their waiter.
    Flying {
        wakers: BTreeMap<u64, Waker>,
        next: u64,
    },
    Landed(T),
    Abandoned,
}

impl<T> Call<T> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::Flying { wakers: BTreeMap::new(), next: 0 }) }
    }

    /// Ends the call and wakes all who wait; the first end counts.
    pub(crate) fn end(&self, end: State<T>) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Flying { .. }) {
            return;
        }
        let before = mem::replace(&mut *state, end);
        drop(state);
        if let State::Flying { wakers, .. } = before {
            wakers.into_values().for_each(Waker::wake);
        }
    }

    /// A waiter goes away.
    pub(crate) fn leave(&self, place: u64) {
        let mut state = self.state.lock();
        let waker = match &mut *state {
            State::Flying { wakers, .. } => wakers.remove(&place),
            State::Landed(_) | State::Abandoned => None,
        };
        drop(state);
        drop(waker);
    }

    /// The result when it has landed; `None` when its leader is gone.
    pub(crate) fn wait(&self, place: &mut Option<u64>, waker: Waker) -> Poll<Option<T>>
    where
        T: Clone,
    {
        let mut state = self.state.lock();
        let replaced = match &mut *state {
            State::Landed(result) => return Poll::Ready(Some(result.clone())),
            State::Abandoned => return Poll::Ready(None),
            State::Flying { wakers, next } => {
                let place = *place.get_or_insert_with(|| {
                    *next += 1;
                    *next
                });
                wakers.insert(place, waker)
            }
        };
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}
