use std::sync::atomic::Ordering::Relaxed;

use perfect21_core::{Pressure, Trim, Trimmed};

use crate::{Pool, WeakPool, magazine::Store, node::Item};

impl<T: Send + 'static> Pool<T> {
    /// Drops idle objects until so many are left, also those in the caches of other threads, whatever these do.
    ///
    /// Costs one system call of about a microsecond, and the drops. Threads that use the pool meanwhile find their
    /// caches empty. Where the process has entered a sandbox since the pool was made that refuses the call, the caches
    /// stay as they are, and only what lies in the depot goes (and at the end of the pool what lies in them is leaked);
    /// for such processes there is [`plain_fences`](crate::PoolBuilder::plain_fences).
    ///
    /// ```
    /// use perfect21_mem_pool::Pool;
    ///
    /// let pool = Pool::new(|| vec![0_u8; 4096]);
    /// pool.prefill(120);
    /// assert_eq!(pool.trim_to(50).objects, 70);
    /// assert_eq!(pool.stats().idle, 50);
    /// ```
    pub fn trim_to(&self, keep: usize) -> Trimmed {
        if self.stats().idle <= keep as u64 {
            return Trimmed::default();
        }
        self.store().trim_to(keep)
    }

    /// Drops the idle objects that were not needed since the last call: the least that lay in the depot in between, and
    /// what threads have cached that did not use the pool.
    ///
    /// Called at regular intervals, it brings the pool back to what is really needed within two of them.
    ///
    /// ```
    /// use perfect21_mem_pool::Pool;
    ///
    /// let pool = Pool::new(|| vec![0_u8; 4096]);
    /// let burst: Vec<_> = (0..1000).map(|_| pool.get()).collect();
    /// drop(burst);
    /// pool.decay();
    /// pool.decay();
    /// assert_eq!(pool.stats().idle, 0);
    /// ```
    pub fn decay(&self) -> Trimmed {
        self.store().decay()
    }
}

impl<T: Send + 'static> Store<T> {
    fn trim_to(&self, keep: usize) -> Trimmed {
        let mut items = self.depot.take_all();
        self.settings.budget.objects.give_back(items.len());
        items.extend(self.reclaim(|_| true));
        let surplus = items.split_off(keep.min(items.len()));
        let dropped = self.put_down(items);
        self.drop_idle(surplus, dropped)
    }

    fn decay(&self) -> Trimmed {
        let unneeded = self.depot.take_low();
        self.settings.budget.objects.give_back(unneeded.len());
        self.drop_idle(unneeded, self.reclaim_unused())
    }

    /// Gives idle objects to the depot; gives back those for which there is no room any more.
    fn put_down(&self, mut items: Vec<Item<T>>) -> Vec<Item<T>> {
        let room = self.settings.budget.objects.reserve_up_to(items.len());
        let surplus = items.split_off(room);
        while !items.is_empty() {
            let rest = items.len().saturating_sub(self.settings.magazine);
            self.depot.give(items.split_off(rest));
        }
        surplus
    }

    /// Drops objects that were idle and have no room any more.
    fn drop_idle(&self, items: Vec<Item<T>>, more: Vec<Item<T>>) -> Trimmed {
        let objects = items.len() + more.len();
        let bytes: usize = items.iter().chain(&more).map(|item| item.bytes).sum();
        self.settings.budget.bytes.give_back(bytes);
        self.counts.trimmed.fetch_add(objects as u64, Relaxed);
        // Theirs is the only code of users here, and nothing is left to do after it.
        drop((items, more));
        Trimmed::new(objects as u64, if self.sized() { bytes } else { objects * size_of::<T>() } as u64)
    }
}

/// `Routine` is [`decay`](Pool::decay); above that, all that is idle is dropped.
impl<T: Send + 'static> Trim for Pool<T> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        match pressure {
            Pressure::Routine => self.decay(),
            _ => self.trim_to(0),
        }
    }
}

impl<T: Send + 'static> Trim for WeakPool<T> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        self.upgrade().map_or_else(Trimmed::default, |pool| pool.trim(pressure))
    }
}
