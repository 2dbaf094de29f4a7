//! Taking back what lies in the caches of other threads, idle ones too: for trimming, and at the end.
#![allow(unsafe_code, reason = "working on a cache that was claimed from its owner")]

use std::sync::{
    PoisonError,
    atomic::Ordering::{Relaxed, SeqCst},
};

use crate::{
    magazine::{Store, cache::Cache},
    node::Item,
    sync::fence,
};

impl<T: Send + 'static> Store<T> {
    /// Empties the caches of all threads, of which `which` says so. The objects are the caller's, to drop or to give
    /// to the depot, which still has to reserve the room.
    pub(crate) fn reclaim(&self, which: impl Fn(&Cache<T>) -> bool) -> Vec<Item<T>> {
        let _one = self.claiming.lock().unwrap_or_else(PoisonError::into_inner);
        let caches: Vec<_> = self.caches.iter().filter(|cache| which(cache)).collect();
        caches.iter().for_each(|cache| cache.gate.claim());
        let mut items = Vec::new();
        // One barrier for all of them.
        if self.settings.barrier.heavy() {
            for cache in &caches {
                // SAFETY: claimed, then a barrier that succeeded; `claiming` keeps others away.
                let emptied =
                    unsafe { cache.gate.claimed(|shelf| cache.empty(shelf, &self.settings.budget.bytes)) };
                self.settings.budget.objects.give_back(emptied.room);
                items.extend(emptied.items);
            }
        }
        caches.iter().for_each(|cache| cache.gate.release());
        items
    }

    /// Empties the caches that their threads have not used since the last call.
    pub(crate) fn reclaim_unused(&self) -> Vec<Item<T>> {
        self.reclaim(|cache| {
            let uses = cache.taken.load(Relaxed) + cache.kept.load(Relaxed);
            cache.seen.swap(uses, Relaxed) == uses
        })
    }

    /// Drops what is idle, and lets nothing become idle again.
    ///
    /// Objects in use come back while this runs. One that is put into a cache is found there, or the gate is closed
    /// before it gets in. A cache made meanwhile is either seen below, or its maker sees `closed`: each side stores,
    /// passes a fence and loads. One that is put into the depot lies there before the closer's last look, or after it,
    /// and then the lock of the depot lets the one who put it there see `closed`, and empty the depot once more.
    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
        fence(SeqCst);
        let one = self.claiming.lock().unwrap_or_else(PoisonError::into_inner);
        let caches: Vec<_> = self.caches.iter().collect();
        caches.iter().for_each(|cache| cache.gate.close());
        let mut items = Vec::new();
        // Without the barrier, what lies in caches is lost: a leak, where anything else might be a race.
        if self.settings.barrier.heavy() {
            for cache in &caches {
                // SAFETY: closed, then a barrier that succeeded; `claiming` keeps others away.
                items.extend(unsafe { cache.gate.claimed(|shelf| shelf.empty()) }.items);
            }
        }
        drop(one);
        items.extend(self.depot.take_all());
    }
}
