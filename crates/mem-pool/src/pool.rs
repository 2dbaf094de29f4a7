use std::{
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::Ordering::{AcqRel, Relaxed},
    },
};

use crate::{PoolBuilder, Pooled, PooledOwned, Reset, Stats, magazine::Store, node::Node};

/// Keeps objects that are costly to make for the next who needs one, and never waits: where none is idle, it makes one.
///
/// Clones share the pool. When the last one is dropped, what is idle is dropped with it, and what is in use when it
/// comes back.
///
/// A thread takes from and returns to a cache of its own, without a locked instruction; what a thread has too much of
/// goes to a depot that all share. The bounds hold for all of that together. A thread's cache begins with room for two
/// objects and grows with the thread's needs up to 128, or 64 KiB of objects; it is emptied into the depot when the
/// thread ends, and by [`trim_to`](Self::trim_to) and [`decay`](Self::decay) from any other thread.
///
/// ```
/// use perfect21_mem_pool::Pool;
///
/// let pool = Pool::new(|| Vec::<u8>::with_capacity(1024));
/// {
///     let mut line = pool.get();
///     line.extend_from_slice(b"of one request");
/// } // Cleared by `Reset`, and kept.
/// let line = pool.get();
/// assert!(line.is_empty() && line.capacity() >= 1024);
/// assert_eq!((pool.stats().made, pool.stats().hits), (1, 1));
/// ```
pub struct Pool<T: Send + 'static> {
    store: OnceLock<Arc<Store<T>>>,
    /// How a `static` makes its store at first use; all others have it.
    lazy: Option<Lazy<T>>,
}

struct Lazy<T> {
    create: fn() -> T,
    reset: fn(&mut T) -> bool,
}

impl<T: Send + 'static> Pool<T> {
    /// Makes a pool with the default bounds; objects are cleaned by [`Reset`].
    #[must_use]
    pub fn new(create: impl Fn() -> T + Send + Sync + 'static) -> Self
    where
        T: Reset,
    {
        Self::of(PoolBuilder::new(create, T::reset).into_store())
    }

    /// Makes a pool for a `static`, with the default bounds. It allocates at first use.
    ///
    /// ```
    /// use perfect21_mem_pool::Pool;
    ///
    /// static LINES: Pool<String> = Pool::new_const(String::new);
    ///
    /// let mut line = LINES.get();
    /// line.push_str("hello");
    /// ```
    #[must_use]
    pub const fn new_const(create: fn() -> T) -> Self
    where
        T: Reset,
    {
        Self { store: OnceLock::new(), lazy: Some(Lazy { create, reset: T::reset }) }
    }

    /// Begins a pool of objects that know how to [`Reset`] themselves.
    pub fn builder(create: impl Fn() -> T + Send + Sync + 'static) -> PoolBuilder<T>
    where
        T: Reset,
    {
        PoolBuilder::new(create, T::reset)
    }

    /// Begins a pool of any objects; `reset` cleans one that comes back and says whether it may be kept.
    ///
    /// ```
    /// use perfect21_mem_pool::Pool;
    /// # fn main() -> Result<(), perfect21_mem_pool::ConfigError> {
    ///
    /// let pool = Pool::builder_with(
    ///     || (0_u32, vec![0.0; 256]),
    ///     |(uses, samples)| {
    ///         samples.fill(0.0);
    ///         *uses += 1;
    ///         *uses < 1000
    ///     },
    /// )
    /// .max_idle(64)
    /// .build()?;
    /// assert_eq!(pool.get().0, 0);
    /// assert_eq!(pool.get().0, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder_with(
        create: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) -> bool + Send + Sync + 'static,
    ) -> PoolBuilder<T> {
        PoolBuilder::new(create, reset)
    }

    /// An idle object, or a new one.
    ///
    /// If creating one panics, the pool is as before.
    #[inline]
    pub fn get(&self) -> Pooled<'_, T> {
        Pooled::new(self.store())
    }

    /// An idle object, or a new one, that can be sent away and may outlive the pool.
    ///
    /// ```
    /// use perfect21_mem_pool::Pool;
    ///
    /// let pool = Pool::new(String::new);
    /// let mut message = pool.get_owned();
    /// message.push_str("hello");
    /// std::thread::spawn(move || assert_eq!(*message, "hello")).join().unwrap();
    /// assert_eq!(pool.stats().idle, 1);
    /// ```
    #[inline]
    pub fn get_owned(&self) -> PooledOwned<T> {
        PooledOwned::new(self.store().take())
    }

    /// Gives the pool an object that it did not make; it is cleaned like one that comes back. Says whether it was kept,
    /// and not dropped: not to be kept, or beyond the bounds.
    ///
    /// ```
    /// use perfect21_mem_pool::Pool;
    ///
    /// let pool = Pool::new(String::new);
    /// assert!(pool.attach(String::from("old")));
    /// assert_eq!(*pool.get(), "");
    /// ```
    pub fn attach(&self, object: T) -> bool {
        let store = self.store();
        store.counts.attached.fetch_add(1, Relaxed);
        store.attach(Node::new(object, store))
    }

    /// Makes objects until so many are idle, or the bounds are reached; says how many it made.
    ///
    /// ```
    /// use perfect21_mem_pool::Pool;
    ///
    /// let pool = Pool::new(|| vec![0_u8; 4096]);
    /// assert_eq!(pool.prefill(16), 16);
    /// assert_eq!(pool.prefill(16), 0);
    /// ```
    pub fn prefill(&self, idle: usize) -> usize {
        let store = self.store();
        let missing = (idle as u64).saturating_sub(self.stats().idle);
        (0..missing).take_while(|_| store.fill_in(store.create())).count()
    }

    /// What it did so far, and what it holds. Takes a few loads for each thread that has used the pool.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.store().stats()
    }

    /// Its name in metrics and in a [`Registry`](crate::Registry).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.store().settings.name
    }

    /// A handle that does not keep the pool alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakPool<T> {
        WeakPool { store: Arc::downgrade(self.store()), name: self.name().to_owned() }
    }

    pub(crate) fn of(store: Arc<Store<T>>) -> Self {
        Self { store: OnceLock::from(store), lazy: None }
    }

    #[inline]
    pub(crate) fn store(&self) -> &Arc<Store<T>> {
        self.store.get_or_init(|| match &self.lazy {
            Some(Lazy { create, reset }) => PoolBuilder::new(*create, *reset).into_store(),
            None => unreachable!("made with its store"),
        })
    }
}

impl<T: Send + 'static> Clone for Pool<T> {
    fn clone(&self) -> Self {
        self.store().handles.fetch_add(1, Relaxed);
        Self::of(Arc::clone(self.store()))
    }
}

impl<T: Send + 'static> Drop for Pool<T> {
    fn drop(&mut self) {
        let Some(store) = self.store.get() else { return };
        if store.handles.fetch_sub(1, AcqRel) == 1 {
            store.close();
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.name())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// A handle of a [`Pool`] that does not keep it alive: what a memory watch holds to trim it.
///
/// ```
/// use perfect21_mem_pool::{Pressure, Pool, Trim};
///
/// let pool = Pool::new(String::new);
/// let weak = pool.downgrade();
/// drop(pool.get());
/// assert_eq!(weak.trim(Pressure::Critical).objects, 1);
/// drop(pool);
/// assert!(weak.upgrade().is_none());
/// ```
pub struct WeakPool<T: Send + 'static> {
    store: Weak<Store<T>>,
    name: String,
}

impl<T: Send + 'static> WeakPool<T> {
    /// The pool, if any other handle of it is left.
    #[must_use]
    pub fn upgrade(&self) -> Option<Pool<T>> {
        let store = self.store.upgrade()?;
        // Objects in use keep the store, and not the pool.
        let one_more = |handles: usize| (handles > 0).then_some(handles + 1);
        store.handles.fetch_update(AcqRel, Relaxed, one_more).ok()?;
        Some(Pool::of(store))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl<T: Send + 'static> Clone for WeakPool<T> {
    fn clone(&self) -> Self {
        Self { store: Weak::clone(&self.store), name: self.name.clone() }
    }
}

impl<T: Send + 'static> fmt::Debug for WeakPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakPool").field("name", &self.name).finish_non_exhaustive()
    }
}
