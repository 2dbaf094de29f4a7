use super::send;
use crate::{error::Error, sql::Literal};
use std::time::Duration;
use tokio_postgres::Client;

/// Time-outs of the session for statements that no transaction may hold, put back at the end: by
/// [`end`](Self::end), or sent behind the running statement when the future is dropped.
pub(crate) struct Session<'a> {
    client: &'a Client,
    before: Option<String>,
}

impl<'a> Session<'a> {
    /// No statement time-out, and this long for each wait for others.
    pub(crate) async fn begin(client: &'a Client, lock_timeout: Duration) -> Result<Self, Error> {
        let step = |error| Error::step("setting the session's time-outs", error);
        let look = "SELECT pg_catalog.current_setting('statement_timeout'), pg_catalog.current_setting('lock_timeout')";
        let rows = client.query_typed(look, &[]).await.map_err(step)?;
        let before = rows.first().map(|row| set(row.get(0), row.get(1)));
        let session = Self { client, before };
        client.batch_execute(&set("0", &format!("{}ms", lock_timeout.as_millis()))).await.map_err(step)?;
        Ok(session)
    }

    pub(crate) async fn end(mut self) -> Result<(), Error> {
        let Some(before) = &self.before else { return Ok(()) };
        let result = self.client.batch_execute(before).await;
        self.before = None;
        result.map_err(|error| Error::step("putting the session's time-outs back", error))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            send(self.client, before);
        }
    }
}

fn set(statement: &str, lock: &str) -> String {
    format!(
        "SELECT pg_catalog.set_config('statement_timeout', {}, false), pg_catalog.set_config('lock_timeout', {}, false)",
        Literal(statement),
        Literal(lock)
    )
}
