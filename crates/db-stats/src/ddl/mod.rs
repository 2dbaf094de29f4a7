//! What the making of indexes and of partitions share: names, locks of their own, settings that are put back, retries.

mod lock;
mod retry;
mod session;
mod table;

pub(crate) use lock::TableLock;
pub(crate) use retry::{Retry, rows, transaction};
pub(crate) use session::Session;
pub use table::TableName;
#[cfg(feature = "index")]
pub(crate) use table::name_problem;
pub(crate) use table::short_name;

use futures_util::FutureExt as _;
use tokio_postgres::Client;

/// Sends a statement whose answer nobody waits for, from a `drop`: the client's queue keeps it, behind what still runs.
pub(crate) fn send(client: &Client, sql: &str) {
    // The first poll puts it into the queue; a connection that is lost has nothing to put back.
    let _ = client.batch_execute(sql).now_or_never();
}
