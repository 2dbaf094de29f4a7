use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
};

use tokio::sync::OwnedSemaphorePermit;

use super::shared::Shared;
use crate::magazine::{Hand, Lent};

/// An object of a [`BoundedPool`](crate::BoundedPool), in use; when this is dropped, it goes back, and whoever waits
/// longest gets it.
///
/// Dropped while its thread panics, it may be half changed, and is dropped instead of kept.
#[must_use = "an object that is not used goes back at once"]
pub struct BoundedPooled<T> {
    hand: Hand<Loan<T>>,
}

/// Dropped in this order: the object is gone before another may exist in its place.
struct Loan<T> {
    object: Box<T>,
    permit: OwnedSemaphorePermit,
    shared: Arc<Shared<T>>,
}

impl<T> Lent for Loan<T> {
    fn go_home(mut self) {
        self.shared.counts.returned.fetch_add(1, Relaxed);
        // What a panic has left behind is not for the next user. The object is dropped as well if `reset` panics.
        if thread::panicking() || !(self.shared.reset)(&mut self.object) {
            return;
        }
        let Self { object, permit, shared } = self;
        shared.keep(object);
        drop(permit);
    }
}

impl<T> BoundedPooled<T> {
    pub(super) fn new(object: Box<T>, permit: OwnedSemaphorePermit, shared: Arc<Shared<T>>) -> Self {
        Self { hand: Hand::new(Loan { object, permit, shared }) }
    }

    /// Takes the object out of the pool for good, as it is; another may be made in its place.
    #[must_use]
    pub fn detach(this: Self) -> T {
        let Loan { object, shared, .. } = this.hand.into_inner();
        shared.counts.detached.fetch_add(1, Relaxed);
        *object
    }
}

impl<T> Deref for BoundedPooled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.hand.get().object
    }
}

impl<T> DerefMut for BoundedPooled<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.hand.get_mut().object
    }
}

impl<T: fmt::Debug> fmt::Debug for BoundedPooled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundedPooled").field(&**self).finish()
    }
}
