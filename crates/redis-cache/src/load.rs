use crate::{
    Cache, Error, ErrorPolicy, Key, LoadError,
    cache::Shared,
    fence::{FullKey, Load},
    stats::{Counters, count},
};
use perfect21_smart_cache::flight::Turn;
use serde::{Serialize, de::DeserializeOwned};

impl<K: Key + ?Sized, V: Serialize + DeserializeOwned + Clone> Cache<K, V> {
    /// The value under `key`; where there is none, `load` brings it, once however many callers of this process wait.
    ///
    /// The first caller leads: it runs its `load` within its own future, stores what it brings, and the others get a
    /// clone. An error goes to the leader's own caller; then one of those who wait leads with its own `load`. A write
    /// of the key during the load wins: what was loaded goes to those who asked before the write, and is not stored.
    /// A value that could not be stored is still returned, and the error counted; after a failed read it is not even
    /// tried.
    ///
    /// # Errors
    /// [`LoadError::Load`] with the error of this caller's `load`; under [`ErrorPolicy::Strict`] also
    /// [`LoadError::Cache`].
    ///
    /// # Cancel safety
    /// If the leader's future is dropped, or its `load` panics, another waiter leads. A leader that is never polled
    /// again holds its waiters up: give the load a deadline. `load` must not ask for the same key, which waits for
    /// itself.
    pub async fn get_or_load<F, Fut, E>(&self, key: &K, load: F) -> Result<V, LoadError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        let shared = &*self.shared;
        let key = match shared.full_key(key) {
            Ok(key) => key,
            Err(error) => {
                shared.tolerate(error)?;
                return shared.run(load).await;
            }
        };
        let mut answers = true;
        match shared.lookup(&key).await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => {}
            Err(error) => {
                shared.tolerate(error)?;
                answers = false;
            }
        }
        let leader = match shared.flight.join(key.clone()).await {
            Turn::Landed(value) => {
                count(&shared.counters.coalesced);
                return Ok(value);
            }
            Turn::Lead(leader) => leader,
        };
        if answers {
            // Another load may have ended between our miss and our lead.
            match shared.read(&key).await {
                Ok(Some(value)) => {
                    count(&shared.counters.coalesced);
                    leader.land(value.clone());
                    return Ok(value);
                }
                Ok(None) => {}
                Err(error) => {
                    shared.tolerate(error)?;
                    answers = false;
                }
            }
        }
        let current = shared.redis.core.fence.begin_load(key.clone());
        let value = shared.run(load).await?;
        if answers {
            shared.store(&key, &value, &current).await;
        }
        leader.land(value.clone());
        Ok(value)
    }
}

impl<V> Shared<V> {
    fn tolerate<E>(&self, error: Error) -> Result<(), LoadError<E>> {
        match self.settings.on_error {
            ErrorPolicy::Strict => Err(LoadError::Cache(error)),
            ErrorPolicy::MissOnError => Ok(()),
        }
    }

    async fn run<F, Fut, E>(&self, load: F) -> Result<V, LoadError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<V, E>>,
    {
        let mut running = Running { counters: &self.counters, brought: false };
        count(&self.counters.loads);
        let value = load().await.map_err(LoadError::Load)?;
        running.brought = true;
        Ok(value)
    }

    /// Stores what a load brought, unless a write overtook it. What goes wrong is counted: the value is there anyway.
    async fn store(&self, key: &FullKey, value: &V, load: &Load<'_>)
    where
        V: Serialize + DeserializeOwned,
    {
        let Ok(value) = self.counted(self.encoded(value)) else { return };
        let written = self.redis.core.write(key, self.set_of(value), false, || load.may_store()).await;
        match self.counted(written) {
            Ok(Some(_)) => count(&self.counters.sets),
            Ok(None) => count(&self.counters.overtaken),
            Err(_) => {}
        }
    }
}

/// Counts a load that ends by an error, a panic or a drop.
struct Running<'a> {
    counters: &'a Counters,
    brought: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.brought {
            count(&self.counters.load_failures);
        }
    }
}
