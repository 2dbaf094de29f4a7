//! What all handles and objects of a pool share, and the way of an object out of it.
#![allow(unsafe_code, reason = "entering a cache as its owner")]

use std::sync::{
    Arc, Mutex, Weak,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst},
};

use crate::{
    budget::Budget,
    depot::Depot,
    magazine::{barrier::Barrier, cache::Cache, gate::Refused, seat, shelf::Shelf, table::Table},
    node::{Item, Node},
    stats::Counts,
};

/// What users say about their objects.
pub(crate) struct Recipe<T: Send + 'static> {
    pub(crate) create: Box<dyn Fn() -> T + Send + Sync>,
    /// Resets one that comes back, measures it where there is a measure, and says whether it may be kept.
    pub(crate) clean: Box<Clean<T>>,
    pub(crate) bytes: Option<Arc<Measure<T>>>,
}

impl<T: Send + 'static> Recipe<T> {
    pub(crate) fn new(
        create: impl Fn() -> T + Send + Sync + 'static,
        clean: impl Fn(&mut Node<T>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { create: Box::new(create), clean: Box::new(clean), bytes: None }
    }

    /// Measures by `bytes`, after each reset and where there is none.
    pub(crate) fn measured(self, bytes: impl Fn(&T) -> usize + Send + Sync + 'static) -> Self {
        let (reset, bytes) = (self.clean, Arc::new(bytes));
        let measure = Arc::clone(&bytes);
        let clean = move |node: &mut Node<T>| {
            let keep = reset(node);
            if keep {
                node.bytes = measure(&node.value);
            }
            keep
        };
        Self { clean: Box::new(clean), bytes: Some(bytes), ..self }
    }
}

pub(crate) type Clean<T> = dyn Fn(&mut Node<T>) -> bool + Send + Sync;
pub(crate) type Measure<T> = dyn Fn(&T) -> usize + Send + Sync;

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) budget: Budget,
    pub(crate) barrier: Barrier,
    /// The most objects in a magazine.
    pub(crate) magazine: usize,
}

pub(crate) struct Store<T: Send + 'static> {
    /// A number that no other store of the process has, or had.
    id: u64,
    pub(crate) recipe: Recipe<T>,
    pub(crate) settings: Settings,
    pub(super) caches: Table<Cache<T>>,
    pub(crate) depot: Depot<T>,
    pub(crate) counts: Counts,
    /// How many `Pool`s there are of it; at zero it closes.
    pub(crate) handles: AtomicUsize,
    pub(super) closed: AtomicBool,
    /// Held by the one who claims caches.
    pub(super) claiming: Mutex<()>,
}

impl<T: Send + 'static> Store<T> {
    pub(crate) fn new(recipe: Recipe<T>, settings: Settings) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            id: NEXT.fetch_add(1, Relaxed),
            recipe,
            settings,
            caches: Table::new(),
            depot: Depot::new(),
            counts: Counts::default(),
            handles: AtomicUsize::new(1),
            closed: AtomicBool::new(false),
            claiming: Mutex::new(()),
        })
    }

    pub(crate) fn sized(&self) -> bool {
        self.recipe.bytes.is_some()
    }

    pub(crate) fn caches(&self) -> impl Iterator<Item = &Cache<T>> {
        self.caches.iter()
    }

    /// An object to use: from the thread's cache, else the depot, else a new one.
    #[inline]
    pub(crate) fn take(self: &Arc<Self>) -> Item<T> {
        self.take_at_hand().unwrap_or_else(|| self.take_nearby())
    }

    #[inline(always)]
    fn take_at_hand(&self) -> Option<Item<T>> {
        let cache = self.last_cache()?;
        // SAFETY: the seat is this thread's, and popping an item runs no code of others.
        unsafe { cache.gate.enter_free(|shelf| cache.pop(shelf)) }.flatten()
    }

    /// As [`take_at_hand`](Self::take_at_hand), where that needs a closer look, and then from anywhere.
    #[inline(never)]
    fn take_nearby(self: &Arc<Self>) -> Item<T> {
        // SAFETY: as there.
        let popped =
            self.cache().and_then(|cache| unsafe { cache.gate.enter(|shelf| cache.pop(shelf)) }.ok());
        popped.flatten().unwrap_or_else(|| self.take_from_afar())
    }

    #[cold]
    fn take_from_afar(self: &Arc<Self>) -> Item<T> {
        let from_depot = match self.own_cache() {
            Some(cache) => self.load(cache),
            None => None,
        };
        if let Some(item) = from_depot.or_else(|| self.take_from_depot()) {
            return item;
        }
        self.create()
    }

    pub(crate) fn create(self: &Arc<Self>) -> Item<T> {
        let item = Node::new((self.recipe.create)(), self);
        self.counts.made.fetch_add(1, Relaxed);
        item
    }

    fn load(&self, cache: &Cache<T>) -> Option<Item<T>> {
        let Settings { budget, magazine, .. } = &self.settings;
        // SAFETY: `own_cache` is this thread's, and loading moves magazines without running code of others.
        let popped = unsafe {
            cache.gate.enter(|shelf| {
                let loaded = cache.load(shelf, &self.depot, budget, *magazine);
                if loaded { cache.pop(shelf) } else { None }
            })
        };
        popped.ok().flatten()
    }

    fn take_from_depot(&self) -> Option<Item<T>> {
        let item = self.depot.take_one()?;
        self.settings.budget.objects.give_back(1);
        self.settings.budget.bytes.give_back(item.bytes);
        self.counts.taken.fetch_add(1, Relaxed);
        Some(item)
    }

    /// The calling thread's cache, if this is the store that it used last.
    #[inline(always)]
    pub(super) fn last_cache(&self) -> Option<&Cache<T>> {
        // SAFETY: noted below by this thread, which has held its seat since, for the store of this number, which is
        // this one; its caches never move.
        seat::last(self.id).map(|last| unsafe { &*last.cast() })
    }

    /// The calling thread's cache, if there is one.
    pub(super) fn cache(&self) -> Option<&Cache<T>> {
        let cache = self.caches.get(seat::held()?)?;
        seat::set_last(self.id, std::ptr::from_ref(cache).cast());
        Some(cache)
    }

    /// The calling thread's cache, made now if need be and to be emptied when the thread ends.
    pub(super) fn own_cache(self: &Arc<Self>) -> Option<&Cache<T>> {
        let cache = self.caches.get_or_make(seat::take()?, || Cache::new(self.settings.barrier));
        let register = |registered: bool| {
            move |shelf: &mut Shelf<T>| std::mem::replace(&mut shelf.registered, registered)
        };
        // SAFETY: the seat is this thread's, and this sets a flag.
        let known = unsafe { cache.gate.enter(register(true)) };
        let noted = match known {
            Ok(known) => known || seat::visit(Arc::downgrade(self) as Weak<dyn seat::Visited>),
            Err(Refused::Claimed | Refused::Closed) => return None,
        };
        if !noted {
            // An object is dropped by the thread's last act, and uses a pool: that one does without a cache.
            // SAFETY: as above.
            let _ = unsafe { cache.gate.enter(register(false)) };
            return None;
        }
        Some(cache)
    }
}

impl<T: Send + 'static> seat::Visited for Store<T> {
    fn leave(&self, seat: seat::Seat) {
        let Some(cache) = self.caches.get(seat) else { return };
        let empty = |shelf: &mut Shelf<T>| {
            shelf.registered = false;
            cache.empty(shelf, &self.settings.budget.bytes)
        };
        let emptied = loop {
            // SAFETY: the seat is this thread's until it has left, and emptying a shelf moves magazines only.
            match unsafe { cache.gate.enter(empty) } {
                Ok(emptied) => break emptied,
                Err(Refused::Claimed) => std::thread::yield_now(),
                Err(Refused::Closed) => return,
            }
        };
        // The room that was reserved is at least that of the objects in it.
        self.settings.budget.objects.give_back(emptied.room - emptied.items.len());
        self.depot.give(emptied.items);
        if self.closed.load(SeqCst) {
            drop(self.depot.take_all());
        }
    }
}
