//! What is done in steps, or looks for itself, must not be part of somebody's transaction.

use crate::Error;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Refuses a client that is within a transaction.
pub(crate) async fn refuse_transaction(client: &Client) -> Result<(), Error> {
    // Within a transaction its time is that of its begin. A failed one refuses the question.
    let asked = client
        .simple_query("SELECT pg_catalog.now() = pg_catalog.statement_timestamp() /* perfect21 */")
        .await;
    let is_free = asked.map_err(Error::statement)?.iter().any(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
        _ => false,
    });
    if is_free { Ok(()) } else { Err(Error::in_transaction()) }
}
