use std::sync::{Arc, atomic::Ordering::Relaxed};

use crate::{magazine::Store, stats::Counts};

/// An object of a pool, idle or in use. It is boxed once: it never moves, and what the pool moves is a pointer.
pub(crate) type Item<T> = Box<Node<T>>;

pub(crate) struct Node<T: Send + 'static> {
    pub(crate) value: T,
    /// Its bytes by the pool's own measure when it was last returned; 0 in a pool without one.
    pub(crate) bytes: usize,
    /// After `value`, so that it counts when the object is gone.
    pub(crate) membership: Membership<T>,
}

/// Keeps the store alive while an object of it exists, whoever holds that. So no guard has to count references: a pool
/// whose last handle is gone drops what is idle, and the last object in use takes the store with it.
pub(crate) struct Membership<T: Send + 'static>(Arc<Store<T>>);

impl<T: Send + 'static> Node<T> {
    pub(crate) fn new(value: T, store: &Arc<Store<T>>) -> Item<T> {
        store.counts.joined.fetch_add(1, Relaxed);
        Box::new(Self { value, bytes: 0, membership: Membership(Arc::clone(store)) })
    }

    #[inline(always)]
    pub(crate) fn store(&self) -> &Arc<Store<T>> {
        &self.membership.0
    }
}

impl<T: Send + 'static> Membership<T> {
    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }
}

impl<T: Send + 'static> Drop for Membership<T> {
    fn drop(&mut self) {
        self.0.counts.left.fetch_add(1, Relaxed);
    }
}
