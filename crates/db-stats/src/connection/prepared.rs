use super::{session::Changes, writes::Writes};
use foldhash::fast::RandomState;
use lru::LruCache;
use std::{fmt, num::NonZeroUsize};
use tokio_postgres::Statement;

/// A statement that the server has ready for this connection.
#[derive(Debug, Clone)]
pub(crate) struct Cached {
    pub statement: Statement,
    pub changes: Changes,
    pub writes: Writes,
}

/// The statements of one connection by text, the one that was not used for longest given up first.
pub(crate) struct Prepared(LruCache<Box<str>, Cached, RandomState>);

impl Prepared {
    pub(crate) fn new(most: usize) -> Self {
        let most = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        Self(LruCache::with_hasher(most, RandomState::default()))
    }

    pub(crate) fn get(&mut self, sql: &str) -> Option<&Cached> {
        self.0.get(sql)
    }

    /// The one that has to go closes itself on the server.
    pub(crate) fn put(&mut self, sql: &str, cached: Cached) {
        self.0.put(sql.into(), cached);
    }

    pub(crate) fn remove(&mut self, sql: &str) {
        self.0.pop(sql);
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("len", &self.0.len()).field("most", &self.0.cap()).finish()
    }
}
