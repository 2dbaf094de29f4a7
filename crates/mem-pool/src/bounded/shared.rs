use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{BoundedPooled, stats::Counts};
use crate::budget::Bound;

/// Whoever holds a permit holds one object, or makes one because none was idle. Each returned object is idle before its
/// permit is free, so objects in hands, those being made and those idle are together never more than there are permits:
/// the sum grows only by one that is made when none is idle, and then it is at most the number of permits held.
pub(super) struct Shared<T> {
    pub(super) name: String,
    pub(super) create: Box<dyn Fn() -> T + Send + Sync>,
    pub(super) reset: Box<dyn Fn(&mut T) -> bool + Send + Sync>,
    pub(super) max_total: usize,
    pub(super) max_wait: Option<Duration>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) idle: object_pool::Pool<Box<T>>,
    /// How many are idle, of how many that may be.
    pub(super) places: Bound,
    /// The least that were idle since the last decay.
    pub(super) low: AtomicUsize,
    pub(super) counts: Counts,
}

impl<T> Shared<T> {
    pub(super) fn hand_out(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> BoundedPooled<T> {
        let object = match self.take() {
            Some(object) => {
                self.counts.hits.fetch_add(1, Relaxed);
                object
            }
            None => self.make(),
        };
        BoundedPooled::new(object, permit, Arc::clone(self))
    }

    pub(super) fn make(&self) -> Box<T> {
        let object = Box::new((self.create)());
        self.counts.made.fetch_add(1, Relaxed);
        object
    }

    pub(super) fn take(&self) -> Option<Box<T>> {
        let (_, object) = self.idle.try_pull()?.detach();
        self.places.give_back(1);
        self.low.fetch_min(self.places.reserved(), Relaxed);
        Some(object)
    }

    /// Makes a clean object idle, or drops it if too many are or the pool is closed.
    pub(super) fn keep(&self, object: Box<T>) {
        if self.permits.is_closed() || !self.places.reserve(1) {
            return;
        }
        self.counts.kept.fetch_add(1, Relaxed);
        self.idle.attach(object);
        // Closed meanwhile: whoever locks the objects last sees it.
        if self.permits.is_closed() {
            self.drop_all();
        }
    }

    pub(super) fn drop_all(&self) {
        while let Some(object) = self.take() {
            self.counts.trimmed.fetch_add(1, Relaxed);
            drop(object);
        }
    }
}
