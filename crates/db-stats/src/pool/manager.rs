use super::{opener, shared::Shared};
use crate::{connect::ConnectError, connection::Conn};
use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use std::sync::Arc;

/// Makes deadpool's connections, and lets none pass that is not as new.
#[derive(Debug)]
pub(crate) struct Manager(pub Arc<Shared>);

impl managed::Manager for Manager {
    type Type = Box<Conn>;
    type Error = Arc<ConnectError>;

    async fn create(&self) -> Result<Box<Conn>, Arc<ConnectError>> {
        opener::open(&self.0).await
    }

    async fn recycle(&self, conn: &mut Box<Conn>, metrics: &Metrics) -> RecycleResult<Arc<ConnectError>> {
        // A connection that is never idle when the maintainer looks grows old too.
        let old = metrics.recycled.is_some_and(|last| conn.is_old(last));
        if conn.is_fit() && !old { Ok(()) } else { Err(RecycleError::message("not as new")) }
    }
}
