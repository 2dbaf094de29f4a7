//! Functions that remember what they returned: what [`#[memoize]`](crate::memoize) is made of.

use crate::{Backed, Builder, Cache, Store};
use std::{
    any::{Any, type_name},
    fmt,
    hash::Hash,
    sync::OnceLock,
};

/// A `static` that holds the cache of one function, made at its first call.
///
/// The types of key and value are those of that call; a `static` in a function need not name them.
///
/// ```
/// use perfect21_smart_cache::memo::Memo;
/// use std::convert::Infallible;
///
/// static SQUARES: Memo = Memo::new();
///
/// fn square(n: u32) -> u64 {
///     let cache = SQUARES.cache::<u32, u64>(|builder| builder.name("square").max_entries(100));
///     cache.try_get_or_load_blocking(n, || Ok::<_, Infallible>(u64::from(n).pow(2))).unwrap()
/// }
///
/// assert_eq!((square(7), square(7)), (49, 49));
/// assert_eq!(SQUARES.cache::<u32, u64>(|builder| builder).stats().hits, 1);
/// ```
pub struct Memo {
    cache: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Memo {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { cache: OnceLock::new() }
    }

    /// The cache, made now with these settings if this is the first call.
    ///
    /// # Panics
    /// If the settings are refused, or the first call was for other types.
    pub fn cache<K, V>(
        &'static self,
        settings: impl FnOnce(Builder<K, V>) -> Builder<K, V>,
    ) -> &'static Cache<K, V>
    where
        K: Hash + Eq + Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        self.only(|| match settings(Cache::builder()).build() {
            Ok(cache) => cache,
            Err(error) => panic!("a function's cache is refused its settings: {error}"),
        })
    }

    /// As [`cache`](Self::cache), over a store of yours that is made at the first call.
    ///
    /// # Panics
    /// If the first call was for other types.
    pub fn backed<K, V, St>(
        &'static self,
        name: &str,
        store: impl FnOnce() -> St,
    ) -> &'static Backed<K, V, St>
    where
        K: Hash + Eq + Send + Sync + 'static,
        V: Send + Sync + 'static,
        St: Store<K, V> + 'static,
    {
        self.only(|| Backed::named(name, store()))
    }

    /// The one cache of this function.
    fn only<C: Send + Sync + 'static>(&'static self, make: impl FnOnce() -> C) -> &'static C {
        match self.cache.get_or_init(|| Box::new(make())).downcast_ref() {
            Some(cache) => cache,
            None => panic!("one function's cache is asked for as {}", type_name::<C>()),
        }
    }

    /// As [`cache`](Self::cache), with a key that tells its type: for what the macro writes.
    #[doc(hidden)]
    pub fn cache_of_key<K, V>(
        &'static self,
        _: &K,
        settings: impl FnOnce(Builder<K, V>) -> Builder<K, V>,
    ) -> &'static Cache<K, V>
    where
        K: Hash + Eq + Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        self.cache(settings)
    }

    /// As [`backed`](Self::backed), with a key that tells its type: for what the macro writes.
    #[doc(hidden)]
    pub fn backed_of_key<K, V, St>(
        &'static self,
        _: &K,
        name: &str,
        store: impl FnOnce() -> St,
    ) -> &'static Backed<K, V, St>
    where
        K: Hash + Eq + Send + Sync + 'static,
        V: Send + Sync + 'static,
        St: Store<K, V> + 'static,
    {
        self.backed(name, store)
    }
}

impl Default for Memo {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("used", &self.cache.get().is_some()).finish()
    }
}
