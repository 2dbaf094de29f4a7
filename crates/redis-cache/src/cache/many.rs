use super::{Cache, Terms};
use crate::{Error, Key, backend::Put};

impl<K: Key, V: Clone + Send + Sync + 'static> Cache<K, V> {
    /// The values under these keys, in their order: one command for all keys of a slot, at most 500 and 1 MiB of keys each.
    ///
    /// # Errors
    /// Each key has its own, as of [`get`](Self::get).
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn get_many(&self, keys: &[K]) -> Vec<Result<Option<V>, Error>> {
        let shared = &*self.shared;
        let keys: Vec<_> = keys.iter().map(|key| shared.full_key(key)).collect();
        let found = shared.find_many(&keys).await;
        let now_ms = shared.now_ms();
        let answer = |(key, found)| Ok(shared.judge(key, found, now_ms)?.found());
        keys.iter().zip(found).map(answer).collect()
    }

    /// Puts values under keys for the cache's TTL, in one step for those of a slot, at most 500 and 1 MiB each.
    ///
    /// # Errors
    /// Each entry has its own, as of [`set`](Self::set), in their order.
    ///
    /// # Cancel safety
    /// As of [`set`](Self::set).
    pub async fn set_many(&self, entries: &[(K, V)]) -> Vec<Result<(), Error>> {
        match self.sealed_many(entries).await {
            Err(error) => entries.iter().map(|_| Err(error.clone())).collect(),
            Ok(sealed) => {
                let (good, answers): (Vec<_>, Vec<_>) = sealed
                    .into_iter()
                    .map(|put| match put {
                        Ok(put) => (Some(put), Ok(())),
                        Err(error) => (None, Err(error)),
                    })
                    .unzip();
                let mut done = self.shared.put_many(good.into_iter().flatten().collect()).await.into_iter();
                answers
                    .into_iter()
                    .map(|answer| answer.and_then(|()| done.next().unwrap_or(Ok(()))))
                    .collect()
            }
        }
    }

    async fn sealed_many(&self, entries: &[(K, V)]) -> Result<Vec<Result<Put, Error>>, Error> {
        let shared = &*self.shared;
        let tags: Vec<_> = entries
            .iter()
            .map(|(key, _)| shared.checked_tags(self.tags_of(key), Terms::default().tags))
            .collect();
        let mut all: Vec<_> = tags.iter().flatten().flatten().cloned().collect();
        all.sort_unstable();
        all.dedup();
        let basis = shared.basis(all, shared.settings.ttl).await?;
        let seal = |((key, value), tags): (&(K, V), Result<Vec<_>, Error>)| {
            let tags = tags?;
            let mut own = basis.clone();
            own.tags.retain(|(tag, _)| tags.contains(tag));
            let fresh = shared.fresh(None, false)?;
            shared.sealed(shared.full_key(key), Some(value), &own, fresh, 0)
        };
        Ok(entries.iter().zip(tags).map(seal).collect())
    }

    /// Empties keys, and says of each whether there was something.
    ///
    /// # Errors
    /// Each key has its own, as of [`remove`](Self::remove), in their order.
    ///
    /// # Cancel safety
    /// As of [`set`](Self::set).
    pub async fn remove_many(&self, keys: &[K]) -> Vec<Result<bool, Error>> {
        let shared = &*self.shared;
        shared.remove_many(keys.iter().map(|key| shared.full_key(key)).collect()).await
    }
}
