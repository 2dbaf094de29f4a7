use crate::{error::Error, statement::Statements};
use deadpool_postgres::Object;
use std::{fmt, time::Duration};
use tokio::runtime::Handle;
use tokio_postgres::{NoTls, Row, types::ToSql};

/// A server that has gone silent must not hold the cancelling task for ever.
const CANCEL: Duration = Duration::from_secs(5);

/// A connection out of a [`Pool`](crate::Pool); dropping it gives it back.
pub struct Connection {
    object: Option<Object>,
    statements: Statements,
    /// A statement was sent and its end was not seen.
    busy: bool,
}

impl Connection {
    pub(crate) fn new(object: Object, statements: Statements) -> Self {
        Self { object: Some(object), statements, busy: false }
    }

    /// Runs a statement, prepared once per connection, and reads all its rows.
    ///
    /// # Errors
    /// If the server refuses the statement, or the connection is lost.
    ///
    /// # Cancel safety
    /// If it is dropped before its end, the statement is cancelled on the server and the connection is closed.
    ///
    /// # Panics
    /// If the number of parameters is not the statement's, as tokio-postgres does.
    pub async fn query(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let timer = self.statements.start(sql);
        self.busy = true;
        let result = run(self.object.as_ref(), sql, params).await;
        self.busy = false;
        timer.end(result.as_ref().map(|rows| rows.len() as u64).map_err(|error| error.code().cloned()));
        result.map_err(Error::statement)
    }
}

async fn run(
    object: Option<&Object>,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    // There until the connection is dropped.
    let Some(client) = object else { return Ok(Vec::new()) };
    let statement = client.prepare_cached(sql).await?;
    client.query(&statement, params).await
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.busy {
            return;
        }
        // The pool must not hand it on: the server still works for the statement that nobody waits for.
        if let Some(client) = self.object.take().map(Object::take)
            && let Ok(runtime) = Handle::try_current()
        {
            let cancel = client.cancel_token();
            runtime.spawn(async move {
                // If the server cannot be told, closing the connection ends the statement when it next writes.
                let _ = tokio::time::timeout(CANCEL, cancel.cancel_query(NoTls)).await;
                drop(client);
            });
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("busy", &self.busy).finish_non_exhaustive()
    }
}
