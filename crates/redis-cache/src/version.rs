//! What says which entries still count.
//!
//! An entry is stored with the versions that it depends on, as they were before its value was read from its source: that of
//! its scope (its cache and namespace, for `clear`) and those of its tags. It counts as long as all of them are the same.
//! So there is no clock in it, no list of members, and nothing to be removed: a write of a version is all that `clear` and
//! `invalidate` do. A version that was lost comes back as another one, never as one that was there before.

use crate::{
    Error,
    backend::{Found, FullKey},
    key::escape,
    near::NearTier,
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

/// Where changes are published, if they are.
#[cfg(feature = "fred")]
pub(crate) fn channel(namespace: &str) -> bytes::Bytes {
    let mut channel = String::new();
    escape(namespace, &mut channel);
    channel.push_str(":#changes");
    channel.into()
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

/// Makes versions, all of them or none. Those that have no end may be known already.
pub(crate) async fn make(core: &Core, keys: Vec<FullKey>, ttl: Option<Duration>) -> Result<Vec<u64>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    if ttl.is_none() && core.near.is_some() {
        let versions = read(core, &keys).await?;
        if versions.iter().all(|version| *version > 0) {
            return Ok(versions);
        }
    }
    let made = core.backend.make_versions(keys.clone(), ttl).await.into_iter().collect();
    // What was known of them may be that there are none.
    core.wrote(&keys);
    made
}

/// Reads versions, all of them or none; what is read is known until it changes.
pub(crate) async fn read(core: &Core, keys: &[FullKey]) -> Result<Vec<u64>, Error> {
    if let Some(near) = core.near.as_ref().filter(|near| near.is_open()) {
        let mut versions: Vec<_> = keys.iter().map(|key| near.store.version(key)).collect();
        let unknown: Vec<_> = keys
            .iter()
            .zip(&versions)
            .filter(|(_, known)| known.is_none())
            .map(|(key, _)| key.clone())
            .collect();
        if unknown.is_empty() || read_near(near, &unknown, &mut versions).await.is_some() {
            return Ok(versions.into_iter().flatten().collect());
        }
    }
    match keys {
        [] => Ok(Vec::new()),
        keys => core.backend.versions(keys).await.into_iter().collect(),
    }
}

/// Reads versions where they are changed, for what is to be written: what is known of them may be old, since this process is
/// told of a change later than it is made. What is found to be old is no longer known.
pub(crate) async fn read_now(core: &Core, keys: &[FullKey]) -> Result<Vec<u64>, Error> {
    let now: Vec<u64> = core.backend.versions(keys).await.into_iter().collect::<Result<_, _>>()?;
    let known = |key: &FullKey| core.near.as_ref().and_then(|near| near.store.version(key));
    let is_old = |(key, now): &(&FullKey, &u64)| known(key).is_some_and(|known| known != **now);
    let old: Vec<_> = keys.iter().zip(&now).filter(is_old).map(|(key, _)| FullKey::clone(key)).collect();
    core.wrote(&old);
    Ok(now)
}

/// Fills in those that are unknown; `None` if one of them cannot be read so that it stays right.
async fn read_near(near: &NearTier, unknown: &[FullKey], versions: &mut [Option<u64>]) -> Option<()> {
    let (found, tickets) = near.read_many(unknown).await?;
    let gaps = versions.iter_mut().filter(|version| version.is_none());
    for ((found, ticket), gap) in found.into_iter().zip(&tickets).zip(gaps) {
        let number = number(&found.ok()?);
        ticket.keep_version(number);
        *gap = Some(number);
    }
    Some(())
}

/// The version that stands under a key; 0 for none, and for what is no version.
pub(crate) fn number(found: &Found) -> u64 {
    match found {
        Found::Value(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0),
        Found::Nothing | Found::Other => 0,
    }
}

/// Makes others of versions, all of them where that is possible; the first error of those that are not.
pub(crate) async fn bump(core: &Core, keys: Vec<FullKey>) -> Result<(), Error> {
    let wrote = Wrote::of(core, keys.clone());
    let done = core.backend.bump(keys).await.into_iter().collect();
    drop(wrote);
    done
}

/// Keys that this process writes: what it holds of them is void before and after.
pub(crate) struct Wrote<'a> {
    core: &'a Core,
    keys: Vec<FullKey>,
}

impl<'a> Wrote<'a> {
    pub(crate) fn of(core: &'a Core, keys: Vec<FullKey>) -> Self {
        core.wrote(&keys);
        Self { core, keys }
    }

    pub(crate) fn keys(&self) -> &[FullKey] {
        &self.keys
    }
}

impl Drop for Wrote<'_> {
    fn drop(&mut self) {
        self.core.wrote(&self.keys);
    }
}
