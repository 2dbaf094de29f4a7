//! What this process holds itself, and how it stays what the server has.
//!
//! Keys are read over a [`Lane`], whose server then tells of every change to them. Between a read and its keeping, a change
//! may be told: each read leaves a mark under its key first ([`pending`]), and what it brings is kept only if no change was
//! told since. All that is held is of an *epoch*: a lost connection ends it at once, and with it all that is held, in one
//! step; so does a flush. The next epoch begins when all connections are there again.
//!
//! Versions of caches and tags are held in the same way, whether or not values are: that makes them free to check. A held
//! value remembers the *generation* in which its versions were found to be right; a change of any version begins another
//! one, and then they are looked at again.

mod changes;
mod config;
mod pending;
mod stats;
mod store;

pub use changes::Changes;
pub use config::Near;
pub use stats::NearStats;
pub(crate) use store::{Store, StoreSettings, Ticket, Trust};

use crate::{
    Error,
    backend::{Backend, Found, FullKey},
};
use std::sync::Arc;

/// The store and who reads for it.
pub(crate) struct NearTier {
    pub(crate) store: Arc<Store>,
    reader: Box<dyn Backend>,
}

impl NearTier {
    pub(crate) fn new(store: Arc<Store>, reader: impl Backend + 'static) -> Self {
        Self { store, reader: Box::new(reader) }
    }

    /// Reads a key so that the server tells of its changes, and what is read may be kept if the ticket is good yet; `None`
    /// where the connections do not hear of changes.
    pub(crate) async fn read(&self, key: &FullKey) -> Option<(Result<Found, Error>, Ticket<'_>)> {
        let ticket = self.store.begin(key)?;
        let found = self.reader.get(key).await;
        Some((found, ticket))
    }

    /// As [`read`](Self::read), for many keys.
    pub(crate) async fn read_many(
        &self,
        keys: &[FullKey],
    ) -> Option<(Vec<Result<Found, Error>>, Vec<Ticket<'_>>)> {
        let tickets = keys.iter().map(|key| self.store.begin(key)).collect::<Option<Vec<_>>>()?;
        Some((self.reader.get_many(keys).await, tickets))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.store.epoch().is_some()
    }

    pub(crate) async fn close(&self) {
        self.reader.close().await;
    }
}
