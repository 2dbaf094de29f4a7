//! Joining a flight from a thread that waits for it.

use super::{Flight, Leader, Turn, join::Join, lead_or_find};
use std::{
    cell::RefCell,
    hash::Hash,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake},
    thread::{self, Thread},
};

thread_local! {
    /// The calls that this thread leads, by address: one that it asked for again it would wait for for ever.
    static LEADS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// While it lives, the calling thread is known to lead a call.
pub(crate) struct Leads(usize);

impl Leads {
    pub(crate) fn note<K: Hash + Eq, T>(leader: &Leader<K, T>) -> Self {
        let call = Arc::as_ptr(&leader.call).addr();
        LEADS.with_borrow_mut(|leads| leads.push(call));
        Self(call)
    }
}

impl Drop for Leads {
    fn drop(&mut self) {
        LEADS.with_borrow_mut(|leads| leads.retain(|call| *call != self.0));
    }
}

impl<K: Hash + Eq + Clone, T: Clone> Flight<K, T> {
    /// As [`join`](Self::join), and waits; `None` where the call is led by the calling thread itself.
    pub(crate) fn join_blocking(&self, key: &K) -> Option<Turn<K, T>> {
        match lead_or_find(&self.calls, key) {
            Ok(leader) => Some(Turn::Lead(leader)),
            Err(call) if LEADS.with_borrow(|leads| leads.contains(&Arc::as_ptr(&call).addr())) => None,
            Err(_) => Some(block_on(Join::new(Arc::clone(&self.calls), key.clone()))),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Arc::new(Unpark(thread::current())).into();
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
