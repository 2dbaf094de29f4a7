use super::Loading;
use crate::{
    Cache,
    flight::{Join, Leader, Turn},
};
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, Hash},
};

/// The loads that one batch is to bring, by key. Dropped, they let others lead.
type Led<'a, K, V, S> = HashMap<K, (Loading<'a, K, V, S>, Leader<K, V>)>;

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The values under many keys: those that are there, those that other callers load already, and for all the rest
    /// together one call of `load`, which gives what it found. What nobody found is not in the result.
    ///
    /// `load` is called again only for keys that another caller was to load and did not. What it brings of keys that it
    /// was not asked for is left alone. A write of a key during the load wins, as in
    /// [`get_or_load`](Self::get_or_load). Holds all keys and values asked for until it ends.
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
        mut load: F,
    ) -> Result<HashMap<K, V>, E>
    where
        F: FnMut(Vec<K>) -> Fut,
        Fut: Future<Output = Result<L, E>>,
        L: IntoIterator<Item = (K, V)>,
    {
        let (mut found, mut missing) = self.get_many(keys);
        while !missing.is_empty() {
            let (mut led, joined) = self.divide(missing, &mut found);
            if !led.is_empty() {
                for (key, value) in load(led.keys().cloned().collect()).await? {
                    let Some((loading, leader)) = led.remove(&key) else { continue };
                    loading.land(leader, &value);
                    found.insert(key, value);
                }
            }
            drop(led);
            missing = self.wait_for(joined, &mut found).await;
        }
        Ok(found)
    }

    /// The values that are there, and the keys of the others, each once.
    fn get_many(&self, keys: impl IntoIterator<Item = K>) -> (HashMap<K, V>, Vec<K>) {
        let (mut found, mut seen) = (HashMap::new(), HashSet::new());
        let mut missing = Vec::new();
        for key in keys {
            if !seen.insert(key.clone()) {
                continue;
            }
            match self.get(&key) {
                Some(value) => drop(found.insert(key, value)),
                None => missing.push(key),
            }
        }
        (found, missing)
    }

    /// Who is to be loaded from here, and who is being loaded.
    #[allow(clippy::type_complexity, reason = "two lists, each of one kind")]
    fn divide(&self, missing: Vec<K>, found: &mut HashMap<K, V>) -> (Led<'_, K, V, S>, Vec<(K, Join<K, V>)>) {
        let (mut led, mut joined) = (HashMap::new(), Vec::new());
        for key in missing {
            let Some(leader) = self.inner.flight.try_lead(&key) else {
                let join = self.inner.flight.join(key.clone());
                joined.push((key, join));
                continue;
            };
            let place = self.inner.engine.place(&key);
            if let Some(value) = self.loaded_meanwhile(place, &key) {
                leader.land(value.clone());
                found.insert(key, value);
            } else {
                let loading = Loading::begin(&self.inner, place, key.clone());
                led.insert(key, (loading, leader));
            }
        }
        (led, joined)
    }

    /// Waits for what others load; gives the keys that they did not bring.
    async fn wait_for(&self, joined: Vec<(K, Join<K, V>)>, found: &mut HashMap<K, V>) -> Vec<K> {
        let mut missing = Vec::new();
        for (key, join) in joined {
            match join.await {
                Turn::Landed(value) => {
                    let place = self.inner.engine.place(&key);
                    self.inner.engine.with_loads(place, |_, counts| counts.coalesced += 1);
                    found.insert(key, value);
                }
                Turn::Lead(_) => missing.push(key),
            }
        }
        missing
    }
}
