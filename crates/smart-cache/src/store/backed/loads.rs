use super::Backed;
use crate::{
    Store, Tags, load,
    tag::{self, Tagged, TooManyTags},
};
use std::{collections::HashMap, convert::Infallible, hash::Hash};

/// As of [`Cache`](crate::Cache).
impl<K: Hash + Eq + Clone, V: Clone, St: Store<K, V>> Backed<K, V, St> {
    /// See [`Cache::get_or_load`](crate::Cache::get_or_load).
    ///
    /// # Cancel safety
    /// If the leader's future is dropped, or its `load` panics, another waiter leads.
    pub async fn get_or_load<F, Fut>(&self, key: K, load: F) -> V
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = V>,
    {
        let Ok(value) = self.try_get_or_load(key, || async { Ok::<_, Infallible>(load().await) }).await;
        value
    }

    /// See [`Cache::try_get_or_load`](crate::Cache::try_get_or_load).
    ///
    /// # Errors
    /// Those of this caller's `load`.
    ///
    /// # Cancel safety
    /// If the leader's future is dropped, or its `load` panics, another waiter leads.
    pub async fn try_get_or_load<F, Fut, E>(&self, key: K, load: F) -> Result<V, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        load::get_or_load(self, key, load).await
    }

    /// See [`Cache::get_or_load_blocking`](crate::Cache::get_or_load_blocking).
    pub fn get_or_load_blocking(&self, key: K, load: impl FnOnce() -> V) -> V {
        let Ok(value) = self.try_get_or_load_blocking(key, || Ok::<_, Infallible>(load()));
        value
    }

    /// See [`Cache::try_get_or_load_blocking`](crate::Cache::try_get_or_load_blocking).
    ///
    /// # Errors
    /// Those of this caller's `load`.
    pub fn try_get_or_load_blocking<E>(&self, key: K, load: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        load::get_or_load_blocking(self, key, load)
    }

    /// See [`Cache::get_many_or_load`](crate::Cache::get_many_or_load).
    ///
    /// # Errors
    /// Those of `load`.
    ///
    /// # Cancel safety
    /// If the future is dropped, those who wait for one of its keys load it themselves.
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
        load::get_many_or_load(self, keys, load).await
    }
}

impl<K: Hash + Eq, V: Clone, St: Store<K, Tagged<V>>> Backed<K, Tagged<V>, St> {
    /// The value under `key`, if it is there and none of its tags was invalidated. One that is not current is removed.
    #[must_use]
    pub fn get_current(&self, key: &K) -> Option<V> {
        tag::get_current(self, key)
    }

    /// See [`Cache::get_or_load_tagged`](crate::Cache::get_or_load_tagged).
    ///
    /// # Errors
    /// Those of this caller's `load`, or if there are too many tags.
    ///
    /// # Cancel safety
    /// As of [`try_get_or_load`](Self::try_get_or_load).
    pub async fn get_or_load_tagged<F, Fut, N, E>(&self, key: K, tags: &Tags, load: F) -> Result<V, E>
    where
        K: Clone,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(V, N), E>>,
        N: IntoIterator<Item: AsRef<str>>,
        E: From<TooManyTags>,
    {
        tag::get_or_load(self, key, tags, load).await
    }
}
