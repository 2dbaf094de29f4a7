use super::{Bounds, Store};
use crate::Full;
use perfect21_core::{Pressure, Trimmed};
use std::{sync::Arc, time::Duration};

/// One store for several holders, or one of a type that is chosen at run time.
impl<K, V, St: Store<K, V> + ?Sized> Store<K, V> for Arc<St> {
    fn get(&self, key: &K) -> Option<V> {
        (**self).get(key)
    }

    fn insert_if(
        &self,
        key: K,
        value: V,
        ttl: Option<Duration>,
        may: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Full<V>> {
        (**self).insert_if(key, value, ttl, may)
    }

    fn remove(&self, key: &K) -> Option<V> {
        (**self).remove(key)
    }

    fn clear(&self) {
        (**self).clear();
    }

    fn for_each(&self, look: &mut dyn FnMut(&K, &V)) {
        (**self).for_each(look);
    }

    fn len(&self) -> usize {
        (**self).len()
    }

    fn bounds(&self) -> Bounds {
        (**self).bounds()
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        (**self).trim(pressure)
    }
}
