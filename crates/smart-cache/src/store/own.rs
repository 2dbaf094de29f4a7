use super::{Bounds, Store};
use crate::{Cache, Full, engine::Claim};
use perfect21_core::{Pressure, Trim, Trimmed};
use std::{
    hash::{BuildHasher, Hash},
    time::Duration,
};

/// Our own engine, for who accepts any store; by itself it loads without a [`Backed`](super::Backed) around it.
impl<K, V, S> Store<K, V> for Cache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync,
    V: Clone + Send + Sync,
    S: BuildHasher + Send + Sync,
{
    fn get(&self, key: &K) -> Option<V> {
        Self::get(self, key)
    }

    fn insert_if(
        &self,
        key: K,
        value: V,
        ttl: Option<Duration>,
        may: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Full<V>> {
        let engine = &self.inner.engine;
        let ttl = ttl.or_else(|| engine.times().ttl());
        self.inner.put(engine.place(&key), key, value, ttl, Claim::If(may))
    }

    fn remove(&self, key: &K) -> Option<V> {
        Self::remove(self, key)
    }

    fn clear(&self) {
        Self::clear(self);
    }

    fn for_each(&self, look: &mut dyn FnMut(&K, &V)) {
        Self::for_each(self, look);
    }

    fn len(&self) -> usize {
        Self::len(self)
    }

    fn bounds(&self) -> Bounds {
        Bounds { max_entries: Some(self.max_entries()), max_bytes: Some(self.max_bytes()), exact: true }
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        Trim::trim(self, pressure)
    }
}
