//! The way of an object back into the pool.
#![allow(unsafe_code, reason = "an object that keeps the store alive goes into a cache of that store")]

use std::{
    sync::{
        Arc,
        atomic::{
            Ordering::{Relaxed, SeqCst},
            fence,
        },
    },
    thread,
};

use crate::{
    magazine::{
        cache::{Cache, NoRoom},
        hand::Lent,
        shelf::Shelf,
        store::{Settings, Store},
    },
    node::Item,
};

/// Takes an object back: cleans it, and keeps it if it may be kept and there is room.
impl<T: Send + 'static> Lent for Item<T> {
    #[inline]
    fn go_home(mut self) {
        let store: *const Store<T> = Arc::as_ptr(self.store());
        // SAFETY: the item holds a reference to its store, and is here until it is kept.
        let this = unsafe { &*store };
        // What a panic has left behind is not for the next user. The item is dropped as well if `reset` panics.
        if thread::panicking() || !(this.recipe.clean)(&mut self) {
            return;
        }
        // SAFETY: `store` is the item's.
        if let Some(item) = unsafe { Store::keep_at_hand(store, self) } {
            Store::keep_nearby(item);
        }
    }
}

impl<T: Send + 'static> Store<T> {
    /// Puts the item into the thread's cache, or gives it back if that is not done in a few instructions.
    ///
    /// # Safety
    /// `store` is that of the item. It may be gone afterwards if the item was kept.
    #[inline(always)]
    unsafe fn keep_at_hand(store: *const Self, item: Item<T>) -> Option<Item<T>> {
        // SAFETY: the item keeps its store alive until it is on the shelf. From then on a closing pool may drop it, but
        // only after this thread has left the gate, whose last access to the cache is the store by which it leaves.
        let store = unsafe { &*store };
        let Some(cache) = store.last_cache() else { return Some(item) };
        let mut item = Some(item);
        let put = |shelf: &mut Shelf<T>| item = item.take().and_then(|item| cache.push(shelf, item).err());
        // SAFETY: the seat is this thread's, and pushing an item runs no code of others. Whether it was refused shows
        // in `item`.
        let _ = unsafe { cache.gate.enter_free(put) };
        item
    }

    /// As [`keep_at_hand`](Self::keep_at_hand), where that needs a closer look, and then anywhere.
    #[inline(never)]
    fn keep_nearby(item: Item<T>) {
        let store: *const Self = Arc::as_ptr(item.store());
        let mut item = Some(item);
        // SAFETY: as in `keep_at_hand`.
        if let Some(cache) = unsafe { &*store }.cache() {
            let put =
                |shelf: &mut Shelf<T>| item = item.take().and_then(|item| cache.push(shelf, item).err());
            // SAFETY: as there.
            let _ = unsafe { cache.gate.enter(put) };
        }
        if let Some(item) = item {
            Self::keep(item);
        }
    }

    /// Takes in an object that comes from elsewhere, as one that comes back.
    pub(crate) fn attach(&self, mut item: Item<T>) -> bool {
        (self.recipe.clean)(&mut item) && Self::keep(item)
    }

    /// Takes in a new object, for any thread.
    pub(crate) fn fill_in(&self, mut item: Item<T>) -> bool {
        if let Some(bytes) = &self.recipe.bytes {
            item.bytes = bytes(&item.value);
        }
        self.keep_in_depot(item)
    }

    /// Keeps a clean object where there is room for it, and drops it where there is none. Says which.
    #[cold]
    pub(crate) fn keep(item: Item<T>) -> bool {
        let store = Arc::clone(item.store());
        let mut item = Some(item);
        let in_cache = store.own_cache().is_some_and(|cache| store.keep_in(cache, &mut item));
        let kept = in_cache || item.is_some_and(|item| store.keep_in_depot(item));
        if store.closed.load(SeqCst) {
            // It closed meanwhile: whatever this thread put into the depot after the closer looked is dropped here.
            drop(store.depot.take_all());
            return false;
        }
        kept
    }

    /// `true` if the item was kept; otherwise it is still there if the depot may be tried, and dropped if not.
    fn keep_in(&self, cache: &Cache<T>, item: &mut Option<Item<T>>) -> bool {
        let Settings { budget, magazine, .. } = &self.settings;
        let mut refused = None;
        let mut put = |shelf: &mut Shelf<T>| {
            // A cache that was made while the pool closed has been overlooked by the closer; see `close`.
            fence(SeqCst);
            if self.closed.load(SeqCst) {
                return false;
            }
            let bytes = item.as_ref().map_or(0, |item| item.bytes);
            let room = cache.make_room(shelf, bytes, &self.depot, budget, *magazine);
            match (room, item.take()) {
                (Ok(()), Some(new)) => {
                    *item = cache.push(shelf, new).err();
                    item.is_none()
                }
                (Err(NoRoom::Bytes), item) => {
                    refused = item;
                    false
                }
                (_, back) => {
                    *item = back;
                    false
                }
            }
        };
        // SAFETY: `own_cache` is this thread's; a refused item is dropped only outside.
        unsafe { cache.gate.enter(&mut put) }.unwrap_or(false)
    }

    fn keep_in_depot(&self, item: Item<T>) -> bool {
        let Settings { budget, magazine, .. } = &self.settings;
        if self.closed.load(SeqCst) || !budget.objects.reserve(1) {
            return false;
        }
        if !budget.bytes.reserve(item.bytes) {
            budget.objects.give_back(1);
            return false;
        }
        self.counts.kept.fetch_add(1, Relaxed);
        self.depot.give_one(item, *magazine);
        true
    }
}
