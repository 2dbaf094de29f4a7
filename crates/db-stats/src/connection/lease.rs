use super::conn::{Conn, Verdict};
use crate::pool::{Manager, opener};
use deadpool::managed::Object;
use std::{
    ops::{Deref, DerefMut},
    sync::atomic::Ordering,
};

/// A connection out of the pool, given back when dropped: as it is, repaired in the background, or closed.
#[derive(Debug)]
pub(super) struct Lease(Option<Object<Manager>>);

impl Lease {
    pub(super) fn new(object: Object<Manager>) -> Self {
        Self(Some(object))
    }
}

impl Deref for Lease {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        match &self.0 {
            Some(object) => object,
            None => unreachable!("taken by drop only"),
        }
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Conn {
        match &mut self.0 {
            Some(object) => object,
            None => unreachable!("taken by drop only"),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut object) = self.0.take() else { return };
        object.tenure.release();
        match object.verdict() {
            Verdict::Fit => {
                object.settle();
                give(object);
            }
            Verdict::Close => close(object),
            // If the runtime has ended, the pool refuses it when it would hand it out.
            Verdict::Repair => drop(object.runtime().spawn(repair(object))),
        }
    }
}

async fn repair(mut object: Object<Manager>) {
    // For as long as it takes the connection has its place in the pool.
    if object.repair().await { give(object) } else { close(object) }
}

fn give(object: Object<Manager>) {
    if object.shared.asking.load(Ordering::Acquire) == 0 {
        drop(object);
        return;
    }
    // Those that wait for a connection to be opened are served by one that comes back, too. If they are gone by now, so
    // is its place: it is kept for the next one who would open one.
    let shared = std::sync::Arc::clone(&object.shared);
    opener::hand_over(&shared, object);
}

fn close(object: Object<Manager>) {
    let shared = std::sync::Arc::clone(&object.shared);
    shared.counts.discarded.increment();
    drop(Object::take(object));
    shared.wake.notify_one();
}
