//! A loader's second tier: asked before a load, and given what the load brought.

use super::{
    Loader,
    held::{Held, Look},
    stats::count,
};
use crate::remote::{Fence, Found, Lookup, RemoteCodec, RemoteError, RemoteTier, Terms};
use std::{hash::Hash, sync::Arc, time::Duration};

pub(super) struct Remote<K, V> {
    pub(super) tier: Arc<dyn RemoteTier>,
    pub(super) codec: Box<dyn RemoteCodec<K, V>>,
}

/// What a load of a key begins with, where there is a tier that answered.
pub(super) struct Asked<V, E> {
    /// What is fresh there.
    pub(super) found: Option<Held<V, E>>,
    /// What is loaded otherwise is kept by this.
    pub(super) key: String,
    fence: Fence,
}

impl<K, V, E> Loader<K, V, E>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// Forgets the value of a key here and in the [`remote`](super::LoaderBuilder::remote) tier; no load of it that is
    /// under way will be stored, by this or another process. Call it after the source was changed.
    ///
    /// Other processes answer what they hold until its time is over, unless the tier tells them.
    ///
    /// # Errors
    /// If the tier could not be told; here it is forgotten, and what the tier has may come back.
    ///
    /// # Cancel safety
    /// Dropped, it may be forgotten here and not there.
    pub async fn invalidate(&self, key: &K) -> Result<(), RemoteError> {
        // Twice: a load that begins in between may bring what the tier still had.
        self.remove(key);
        let Some(remote) = &self.inner.remote else { return Ok(()) };
        let told = remote.tier.remove(&remote.codec.key(key)).await;
        self.remove(key);
        told.inspect_err(|_| count(&self.inner.counts.remote_errors))
    }

    /// Looks into the tier. One that fails is as if there were none, and is counted.
    pub(super) async fn ask(&self, key: &K) -> Option<Asked<V, E>> {
        let (remote, counts) = (self.inner.remote.as_ref()?, &self.inner.counts);
        let key = remote.codec.key(key);
        let asked = remote.tier.get(&key).await;
        let Lookup { found, fence } = asked.inspect_err(|_| count(&counts.remote_errors)).ok()?;
        let (found, count_of) = match found.map(|found| self.decode(remote, found)) {
            Some(Some(held)) if self.is_fresh(&held) => (Some(held), &counts.remote_hits),
            Some(None) => (None, &counts.remote_rejected),
            _ => (None, &counts.remote_misses),
        };
        count(count_of);
        Some(Asked { found, key, fence })
    }

    fn decode(&self, remote: &Remote<K, V>, found: Found) -> Option<Held<V, E>> {
        let (value, now) = (remote.codec.decode(found.value)?, self.now());
        Some(self.inner.windows.hold(Ok(value), now.checked_sub(found.age).unwrap_or(now)))
    }

    fn is_fresh(&self, held: &Held<V, E>) -> bool {
        matches!(self.inner.windows.look(held, self.now()), Look::Fresh)
    }

    /// Gives the tier what was loaded.
    pub(super) async fn share(&self, key: &K, held: &Held<V, E>, asked: Option<Asked<V, E>>) {
        let (Some(remote), Some(asked), Some(value)) = (&self.inner.remote, asked, held.value()) else {
            return;
        };
        let left = self.inner.windows.left(held, self.now());
        let Some(bytes) = remote.codec.encode(value).filter(|_| left != Some(Duration::ZERO)) else { return };
        let tags = remote.codec.tags(key, value);
        let terms = Terms { ttl: left, tags: &tags, fence: asked.fence };
        if remote.tier.put(&asked.key, bytes, terms).await.is_err() {
            count(&self.inner.counts.remote_errors);
        }
    }
}
