//! What a cache asks of the place where its entries are, in the words of a cache: a server and memory mean the same by
//! them.

pub(crate) mod memory;
#[cfg(feature = "fred")]
pub(crate) mod remote;

use crate::{Error, transport::Node};
use bytes::Bytes;
use perfect21_core::Visitor;
use std::{pin::Pin, sync::Arc, time::Duration};

pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A key as it stands in Redis.
pub(crate) type FullKey = Arc<str>;

/// What stands under a key.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    Nothing,
    Value(Bytes),
    /// Something that is not a string.
    Other,
}

/// What is to stand under a key, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) key: FullKey,
    pub(crate) value: Bytes,
    pub(crate) ttl: Duration,
}

/// Who holds a lease; no two are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) Bytes);

impl Token {
    pub(crate) fn new() -> Self {
        Self(format!("{:032x}", fastrand::u128(..)).into())
    }
}

/// A page of keys, and where the next one begins; `None` at the end.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) keys: Vec<FullKey>,
    pub(crate) next: Option<Bytes>,
}

/// No call lasts longer than the time-out, or waits for a connection that is known to be down.
///
/// Beside each key there is room for a *lease*: who loads the key holds it, and can fill the key only as long as it does.
/// Every other write of the key ends the lease, in one step with the write.
///
/// A *version* is a number under a key of its own that is never twice the same: it is made at random where there is none.
/// Zero says that there is none.
pub(crate) trait Backend: Send + Sync {
    fn get<'a>(&'a self, key: &'a FullKey) -> Answer<'a, Result<Found, Error>>;

    /// In the order of the keys.
    fn get_many<'a>(&'a self, keys: &'a [FullKey]) -> Answer<'a, Vec<Result<Found, Error>>>;

    /// Goes on when the caller no longer waits, as all that writes does.
    fn put(&self, puts: Vec<Put>) -> Answer<'static, Vec<Result<(), Error>>>;

    /// Whether there was something.
    fn remove(&self, keys: Vec<FullKey>) -> Answer<'static, Vec<Result<bool, Error>>>;

    /// How long the entry has to live; `None` if there is none.
    fn ttl<'a>(&'a self, key: &'a FullKey) -> Answer<'a, Result<Option<Left>, Error>>;

    /// Gives the entry another time to live; whether there is one.
    fn touch(&self, key: FullKey, ttl: Duration) -> Answer<'static, Result<bool, Error>>;

    /// Takes the lease if nobody has it, or from whoever has it where it is to be stolen, and looks what is under the key.
    fn lease(
        &self,
        key: FullKey,
        token: Token,
        span: Duration,
        steal: bool,
    ) -> Answer<'static, Result<(Found, bool), Error>>;

    /// Holds the lease for longer; whether it was still held.
    fn renew(&self, key: FullKey, token: Token, span: Duration) -> Answer<'static, Result<bool, Error>>;

    /// Puts a value, and gives the lease back; does nothing if it is not held any more.
    fn fill(&self, put: Put, token: Token) -> Answer<'static, Result<bool, Error>>;

    fn release(&self, key: FullKey, token: Token) -> Answer<'static, Result<(), Error>>;

    /// Versions as they are.
    fn versions<'a>(&'a self, keys: &'a [FullKey]) -> Answer<'a, Vec<Result<u64, Error>>>;

    /// Versions, made where there are none, that live for twice `ttl` at least; for ever with none.
    fn make_versions(
        &self,
        keys: Vec<FullKey>,
        ttl: Option<Duration>,
    ) -> Answer<'static, Vec<Result<u64, Error>>>;

    /// Another version where there is one.
    fn bump(&self, keys: Vec<FullKey>) -> Answer<'static, Vec<Result<(), Error>>>;

    /// Who has keys; each is scanned by itself.
    fn nodes(&self) -> Vec<Node>;

    /// Keys of a node that the glob pattern fits, some of about `count` looked at.
    fn scan<'a>(
        &'a self,
        node: &'a Node,
        from: Option<Bytes>,
        pattern: &'a str,
        count: usize,
    ) -> Answer<'a, Result<Page, Error>>;

    /// Removes keys, those only that nobody has asked for so long where it says; how many.
    fn unlink(&self, keys: Vec<FullKey>, idle: Option<Duration>) -> Answer<'static, Result<u64, Error>>;

    /// Asks every node for a sign of life.
    fn ping(&self) -> Answer<'_, Result<(), Error>>;

    /// What a node says of itself.
    fn info<'a>(&'a self, node: &'a Node) -> Answer<'a, Result<String, Error>>;

    fn is_connected(&self) -> bool;

    /// Ends the connections, after what is under way.
    fn close(&self) -> Answer<'_, ()>;

    /// Numbers of its own.
    fn observe(&self, visitor: &mut dyn Visitor);
}

/// How long an entry has to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    For(Duration),
    /// Nobody gave it an end.
    Ever,
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1)
}

/// A version that was not there before.
pub(crate) fn new_version() -> u64 {
    fastrand::u64(1..)
}
