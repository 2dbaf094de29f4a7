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

use crate::error::Error;
use futures_util::FutureExt as _;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Sends a statement whose answer nobody waits for, from a `drop`: the client's queue keeps it, behind what still runs.
pub(crate) fn send(client: &Client, sql: &str) {
    // The first poll puts it into the queue; a connection that is lost has nothing to put back.
    let _ = client.batch_execute(sql).now_or_never();
}

/// Refuses a session that is within a transaction: what is done in steps must be committed in steps.
pub(crate) async fn outside_transaction(client: &Client) -> Result<(), Error> {
    // Of a transaction block's first statement the time is later than the block's own.
    let look = "SELECT pg_catalog.now() = pg_catalog.statement_timestamp()";
    let answer =
        client.simple_query(look).await.map_err(|error| Error::step("looking at the session", error))?;
    let outside = answer.iter().any(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
        _ => false,
    });
    if outside {
        return Ok(());
    }
    Err(Error::unfit(
        "the client is within a transaction; give one that is not, since each step is committed by itself",
    ))
}
