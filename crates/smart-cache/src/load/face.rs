//! The loads of a [`Cache`], as users see them.

use super::{get_many_or_load, get_or_load, get_or_load_blocking};
use crate::Cache;
use std::{
    collections::HashMap,
    convert::Infallible,
    hash::{BuildHasher, Hash},
};

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The value under `key`; where there is none, `load` brings it, once however many callers wait.
    ///
    /// For a load that cannot fail; all else is as with [`try_get_or_load`](Self::try_get_or_load).
    ///
    /// # Cancel safety
    /// As of [`try_get_or_load`](Self::try_get_or_load).
    ///
    /// # Examples
    /// ```
    /// # async fn run() {
    /// let sizes = perfect21_smart_cache::Cache::<&str, usize>::builder().build().unwrap();
    /// let size = sizes.get_or_load("oak", || async { 3 }).await;
    /// assert_eq!(size, 3);
    /// # }
    /// # futures_util::future::FutureExt::now_or_never(run()).unwrap();
    /// ```
    pub async fn get_or_load<F, Fut>(&self, key: K, load: F) -> V
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = V>,
    {
        let load = || async { Ok::<_, Infallible>(load().await) };
        let Ok(value) = get_or_load(self, key, load).await;
        value
    }

    /// The value under `key`; where there is none, `load` brings it, once however many callers wait.
    ///
    /// The first caller leads: it runs its `load` within its own future, and the others get a clone of what it brings.
    /// An error goes to the leader's own caller; then one of those who wait leads with its own `load`. A write of the
    /// key during the load wins: what was loaded goes to those who asked before the write, and is not stored. A value
    /// too heavy to store still goes to all who wait.
    ///
    /// # Errors
    /// Those of this caller's `load`.
    ///
    /// # Cancel safety
    /// If the leader's future is dropped, or its `load` panics, another waiter leads. A leader that is never polled
    /// again holds its waiters up: give the load a deadline. `load` must not ask for the same key, which waits for
    /// itself.
    ///
    /// # Examples
    /// ```
    /// use perfect21_smart_cache::Cache;
    /// use std::{io, sync::Arc};
    ///
    /// async fn read_user(id: u64) -> io::Result<Arc<str>> {
    ///     Ok(format!("user {id}").into())
    /// }
    ///
    /// async fn user(cache: &Cache<u64, Arc<str>>, id: u64) -> io::Result<Arc<str>> {
    ///     cache.try_get_or_load(id, || read_user(id)).await
    /// }
    /// ```
    pub async fn try_get_or_load<F, Fut, E>(&self, key: K, load: F) -> Result<V, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        get_or_load(self, key, load).await
    }

    /// [`get_or_load`](Self::get_or_load) on a thread that may block; see
    /// [`try_get_or_load_blocking`](Self::try_get_or_load_blocking).
    ///
    /// # Examples
    /// ```
    /// let squares = perfect21_smart_cache::Cache::<u64, u64>::builder().build().unwrap();
    /// assert_eq!(squares.get_or_load_blocking(12, || 12 * 12), 144);
    /// ```
    pub fn get_or_load_blocking(&self, key: K, load: impl FnOnce() -> V) -> V {
        let Ok(value) = get_or_load_blocking(self, key, || Ok::<_, Infallible>(load()));
        value
    }

    /// Like [`try_get_or_load`](Self::try_get_or_load) on a thread that may block: `load` runs on the thread of the first
    /// caller, and the others sleep until it has brought the value. Callers of both kinds wait for one another.
    ///
    /// A `load` that asks for its own key finds that its thread leads already, and calls the inner `load` past the cache,
    /// as a recursive function would. Two loads that ask for each other's keys wait for ever. If `load` panics, another
    /// caller leads.
    ///
    /// # Errors
    /// Those of this caller's `load`.
    ///
    /// # Examples
    /// ```
    /// use perfect21_smart_cache::Cache;
    /// use std::{fs, io, sync::Arc};
    ///
    /// let files = Cache::<String, Arc<str>>::builder().build()?;
    /// let path = std::env::temp_dir().join(format!("cached-{}", std::process::id()));
    /// fs::write(&path, "hello")?;
    ///
    /// let name = path.display().to_string();
    /// let text = files.try_get_or_load_blocking(name.clone(), || fs::read_to_string(&name).map(Arc::from))?;
    /// assert_eq!(&*text, "hello");
    /// fs::remove_file(&path)?;
    /// let text = files.try_get_or_load_blocking(name.clone(), || Err(io::Error::other("not called")))?;
    /// assert_eq!(&*text, "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_get_or_load_blocking<E>(&self, key: K, load: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        get_or_load_blocking(self, key, load)
    }

    /// The values under many keys: those that are there, those that other callers load already, and for all the rest
    /// together one call of `load`, which gives what it found. What nobody found is not in the result.
    ///
    /// `load` is called again only for keys that another caller was to load and did not. What it brings of keys that it
    /// was not asked for is left alone. A write of a key during the load wins, as in
    /// [`try_get_or_load`](Self::try_get_or_load). Holds all keys and values asked for until it ends.
    ///
    /// # Errors
    /// Those of `load`; what was found by then is stored where it was loaded, and not returned.
    ///
    /// # Cancel safety
    /// If the future is dropped, or `load` fails or panics, those who wait for one of its keys load it themselves. It
    /// waits for others only after its own `load`, so callers whose keys overlap do not wait for each other in a circle.
    ///
    /// # Examples
    /// ```
    /// use perfect21_smart_cache::Cache;
    /// use std::{collections::HashMap, io};
    ///
    /// /// One query for all of them.
    /// async fn read_names(ids: Vec<u64>) -> io::Result<Vec<(u64, String)>> {
    ///     Ok(ids.into_iter().map(|id| (id, format!("user {id}"))).collect())
    /// }
    ///
    /// async fn names(cache: &Cache<u64, String>, ids: &[u64]) -> io::Result<HashMap<u64, String>> {
    ///     cache.get_many_or_load(ids.iter().copied(), read_names).await
    /// }
    /// ```
    pub async fn get_many_or_load<F, Fut, L, E>(
        &self,
        keys: impl IntoIterator<Item = K>,
        load: F,
    ) -> Result<HashMap<K, V>, E>
    where
        F: FnMut(Vec<K>) -> Fut,
        Fut: Future<Output = Result<L, E>>,
        L: IntoIterator<Item = (K, V)>,
    {
        get_many_or_load(self, keys, load).await
    }
}
