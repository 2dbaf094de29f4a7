use std::{
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    sync::{Arc, atomic::Ordering::Relaxed},
};

use crate::{
    Pool,
    magazine::{Hand, Store},
    node::{Item, Node},
};

/// An object of a [`Pool`], in use; it goes back when this is dropped.
///
/// Dropped while its thread panics, it may be half changed, and is dropped instead of kept.
#[must_use = "an object that is not used goes back at once"]
pub struct Pooled<'a, T: Send + 'static> {
    owned: PooledOwned<T>,
    // The object itself keeps what it needs; that it may not outlive the pool is what the borrower asked for.
    pool: PhantomData<&'a Pool<T>>,
}

/// As [`Pooled`], without a borrow: it can be sent to another thread, returns to that one's cache, and may outlive the
/// pool; then it is dropped.
///
/// It counts no references: one costs as much as the other.
#[must_use = "an object that is not used goes back at once"]
pub struct PooledOwned<T: Send + 'static> {
    hand: Hand<Item<T>>,
}

impl<T: Send + 'static> Pooled<'_, T> {
    #[inline]
    pub(crate) fn new(store: &Arc<Store<T>>) -> Self {
        Self { owned: PooledOwned::new(store.take()), pool: PhantomData }
    }

    /// Takes the object out of the pool for good, as it is.
    ///
    /// ```
    /// use perfect21_mem_pool::{Pool, Pooled};
    ///
    /// let pool = Pool::new(String::new);
    /// let mut name = pool.get();
    /// name.push_str("Ada");
    /// let name: String = Pooled::detach(name);
    /// assert_eq!((name.as_str(), pool.stats().live), ("Ada", 0));
    /// ```
    #[must_use]
    pub fn detach(this: Self) -> T {
        PooledOwned::detach(this.owned)
    }
}

impl<T: Send + 'static> PooledOwned<T> {
    #[inline]
    pub(crate) fn new(item: Item<T>) -> Self {
        Self { hand: Hand::new(item) }
    }

    /// Takes the object out of the pool for good, as it is.
    #[must_use]
    pub fn detach(this: Self) -> T {
        let Node { value, membership, .. } = *this.hand.into_inner();
        membership.counts().detached.fetch_add(1, Relaxed);
        value
    }
}

impl<T: Send + 'static> Deref for PooledOwned<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.hand.get().value
    }
}

impl<T: Send + 'static> DerefMut for PooledOwned<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.hand.get_mut().value
    }
}

impl<T: Send + 'static> Deref for Pooled<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.owned
    }
}

impl<T: Send + 'static> DerefMut for Pooled<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.owned
    }
}

impl<T: fmt::Debug + Send + 'static> fmt::Debug for PooledOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PooledOwned").field(&**self).finish()
    }
}

impl<T: fmt::Debug + Send + 'static> fmt::Debug for Pooled<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pooled").field(&**self).finish()
    }
}
