//! Functions that remember what they returned: what [`#[memoize]`](crate::memoize) is made of.

use crate::{Builder, Cache};
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
///     cache.get_or_load_blocking(n, || Ok::<_, Infallible>(u64::from(n).pow(2))).unwrap()
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
        let make = || match settings(Cache::builder()).build() {
            Ok(cache) => Box::new(cache) as Box<dyn Any + Send + Sync>,
            Err(error) => panic!("a function's cache is refused its settings: {error}"),
        };
        match self.cache.get_or_init(make).downcast_ref() {
            Some(cache) => cache,
            None => panic!("one function's cache is asked for as {}", type_name::<Cache<K, V>>()),
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
