//! What says which entries still count.
//!
//! An entry is stored with the versions that it depends on, as they were before its value was read from its source: that of
//! its scope (its cache and namespace, for `clear`) and those of its tags. It counts as long as all of them are the same.
//! So there is no clock in it, no list of members, and nothing to be removed: a write of a version is all that `clear` and
//! `invalidate` do. A version that was lost comes back as another one, never as one that was there before.

use crate::{
    Error,
    backend::{Backend, FullKey},
    key::escape,
    redis_cache::Core,
};
use std::{sync::Arc, time::Duration};

/// The keys of versions of a namespace. No cache has a name that begins with `#`.
#[derive(Debug)]
pub(crate) struct Names {
    namespace: String,
    /// Bumped by `clear` of all caches.
    pub(crate) clear: FullKey,
    /// Bumped before any tag, for loads that learn their tags late.
    pub(crate) tags: FullKey,
}

impl Names {
    pub(crate) fn new(namespace: String) -> Self {
        let clear = format!("{namespace}:#clear").into();
        let tags = format!("{namespace}:#tags").into();
        Self { namespace, clear, tags }
    }

    pub(crate) fn tag(&self, tag: &str) -> FullKey {
        let mut key = format!("{}:#tag:", self.namespace);
        escape(tag, &mut key);
        key.into()
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }
}

/// The version of a cache within its namespace; `None` where one of both is missing, so that nothing counts.
pub(crate) fn scope(namespace: u64, cache: u64) -> Option<u64> {
    if namespace == 0 || cache == 0 {
        return None;
    }
    // Both are random: a product is as unlikely to come twice as they are.
    Some((namespace ^ cache.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
}

/// The tags of an entry and their versions.
pub(crate) type Stamped = Vec<(Arc<str>, u64)>;

/// Makes versions, all of them or none.
pub(crate) async fn make(
    backend: &dyn Backend,
    keys: Vec<FullKey>,
    ttl: Option<Duration>,
) -> Result<Vec<u64>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    backend.make_versions(keys, ttl).await.into_iter().collect()
}

/// Reads versions, all of them or none.
pub(crate) async fn read(backend: &dyn Backend, keys: &[FullKey]) -> Result<Vec<u64>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    backend.versions(keys).await.into_iter().collect()
}

/// Makes others of versions, all of them where that is possible; the first error of those that are not.
pub(crate) async fn bump(core: &Core, keys: Vec<FullKey>) -> Result<(), Error> {
    core.backend.bump(keys).await.into_iter().collect()
}
