use super::Loading;
use crate::{
    Cache,
    flight::{Leads, Turn},
};
use std::hash::{BuildHasher, Hash};

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// Like [`get_or_load`](Self::get_or_load) on a thread that may block: `load` runs on the thread of the first caller,
    /// and the others sleep until it has brought the value. Callers of both kinds wait for one another.
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
    /// let text = files.get_or_load_blocking(name.clone(), || fs::read_to_string(&name).map(Arc::from))?;
    /// assert_eq!(&*text, "hello");
    /// fs::remove_file(&path)?;
    /// let text = files.get_or_load_blocking(name.clone(), || Err(io::Error::other("not called")))?;
    /// assert_eq!(&*text, "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get_or_load_blocking<E>(&self, key: K, load: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        if let Some(value) = self.get(&key) {
            return Ok(value);
        }
        let place = self.inner.engine.place(&key);
        let leader = match self.inner.flight.join_blocking(&key) {
            Some(Turn::Lead(leader)) => leader,
            Some(Turn::Landed(value)) => {
                self.inner.engine.with_loads(place, |_, counts| counts.coalesced += 1);
                return Ok(value);
            }
            None => return load(),
        };
        if let Some(value) = self.loaded_meanwhile(place, &key) {
            leader.land(value.clone());
            return Ok(value);
        }
        let _leads = Leads::note(&leader);
        let loading = Loading::begin(&self.inner, place, key);
        let value = load()?;
        loading.land(leader, &value);
        Ok(value)
    }
}
