//! A second tier behind a cache: bytes that several processes share.
//!
//! This is the trait of one, and of what turns values into bytes; the tiers themselves live where their servers are
//! spoken to. A [`Loader`](crate::Loader) with a [`remote`](crate::loader::LoaderBuilder::remote) tier asks it before it
//! loads, and gives it what it loaded.

use bytes::Bytes;
use std::{borrow::Cow, fmt, pin::Pin, time::Duration};

/// What a [`RemoteTier`] answers later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, RemoteError>> + Send + 'a>>;

/// Bytes under keys, with tags, shared by several processes.
///
/// Each call ends in bounded time: a tier has timeouts of its own, and says so by an error. Dropping an answer leaves a
/// write done or not done, and nothing else.
pub trait RemoteTier: Send + Sync {
    /// What is under a key.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Lookup>;

    /// Keeps a value for so long, unless the key or one of its tags was removed since the look-up that gave the fence.
    /// Gives whether it is kept.
    fn put<'a>(&'a self, key: &'a str, value: Bytes, terms: Terms<'a>) -> Answer<'a, bool>;

    /// Forgets a key, for all processes.
    fn remove<'a>(&'a self, key: &'a str) -> Answer<'a, ()>;

    /// Forgets all that has one of the tags, for all processes.
    fn invalidate<'a>(&'a self, tags: &'a [&'a str]) -> Answer<'a, ()>;
}

/// What a tier knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a tier makes it")]
pub struct Lookup {
    /// What is there.
    pub found: Option<Found>,
    /// To be handed back with a value that is loaded now.
    pub fence: Fence,
}

/// A value that a tier has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a tier makes it")]
pub struct Found {
    /// The value.
    pub value: Bytes,
    /// How long ago it was loaded, whoever loaded it.
    pub age: Duration,
}

/// At which point of a tier's history something was looked up; its number means something to the tier alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[allow(clippy::exhaustive_structs, reason = "a number")]
pub struct Fence(pub u64);

/// On which terms a tier keeps a value.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "all of it is to be seen to")]
pub struct Terms<'a> {
    /// How long it is of any use; `None` is as long as the tier keeps any.
    pub ttl: Option<Duration>,
    /// By what it can be invalidated.
    pub tags: &'a [Cow<'a, str>],
    /// Of the look-up before the value was loaded.
    pub fence: Fence,
}

/// Turns keys and values into what a [`RemoteTier`] holds, and back.
pub trait RemoteCodec<K, V>: Send + Sync {
    /// The key in the tier: other values of other loaders must have other keys.
    fn key(&self, key: &K) -> String;

    /// A value's bytes; `None` for one that is not to be shared.
    fn encode(&self, value: &V) -> Option<Bytes>;

    /// The value of these bytes; `None` for what is not ours, too old a version or damaged. It is counted, and loaded anew.
    fn decode(&self, bytes: Bytes) -> Option<V>;

    /// The tags of a value. Default: none.
    fn tags(&self, key: &K, value: &V) -> Vec<Cow<'_, str>> {
        let _ = (key, value);
        Vec::new()
    }
}

/// Why a [`RemoteTier`] did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RemoteError {
    kind: RemoteErrorKind,
    message: String,
}

/// The kinds of [`RemoteError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoteErrorKind {
    /// It cannot be reached, or is not asked for a while because it could not be.
    Unreachable,
    /// It did not answer in time.
    TimedOut,
    /// It refused.
    Refused,
}

impl RemoteError {
    /// An error of a kind, with what happened in words.
    #[must_use]
    pub fn new(kind: RemoteErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> RemoteErrorKind {
        self.kind
    }
}
