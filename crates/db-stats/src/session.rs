//! One read-only look at a server on somebody's session.

use crate::{Error, outside::refuse_transaction};
use futures_util::FutureExt as _;
use std::{error::Error as _, time::Duration};
use tokio_postgres::{Client, Row, error::SqlState, types::FromSqlOwned};

/// A part of what was read, or why there is none.
pub(crate) type Part<T> = Result<T, Unread>;

/// Most rows of one part; a larger catalog is read in part, and that is said.
pub(crate) const MAX_ROWS: usize = 50_000;

/// A part that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) part: &'static str,
    pub(crate) why: String,
    /// Whether rights are missing (SQLSTATE 42501).
    pub(crate) denied: bool,
}

/// The one transaction, read only, on somebody's session. However it ends, the session is as it was.
pub(crate) struct Session<'a> {
    client: &'a Client,
    /// The schema of hypopg once it is used: what is hypothetical lives in the session, not in the transaction.
    hypopg: Option<String>,
    /// Whether the statement that is tried may be prepared still: that, too, lives in the session.
    is_prepared: bool,
    is_over: bool,
    cut: Vec<&'static str>,
}

/// The prepared statement that is tried with and without indexes.
pub(crate) const PREPARED: &str = "perfect21_advisor";

impl<'a> Session<'a> {
    pub(crate) async fn begin(
        client: &'a Client,
        statement_timeout: Duration,
        lock_timeout: Duration,
    ) -> Result<Self, Error> {
        refuse_transaction(client).await?;
        let session = Self { client, hypopg: None, is_prepared: false, is_over: false, cut: Vec::new() };
        // Names in the statements of this module mean those of pg_catalog, whatever the session's path says. The old
        // path is kept in a setting of its own for the statements that are tried.
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
             SELECT /* perfect21 */
                    pg_catalog.set_config('perfect21.path', pg_catalog.current_setting('search_path'), true),
                    pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
                    pg_catalog.set_config('statement_timeout', '{}', true),
                    pg_catalog.set_config('lock_timeout', '{}', true),
                    pg_catalog.set_config('idle_in_transaction_session_timeout', '60000', true),
                    pg_catalog.set_config('standard_conforming_strings', 'on', true),
                    pg_catalog.set_config('jit', 'off', true);
             SAVEPOINT perfect21",
            statement_timeout.as_millis(),
            lock_timeout.as_millis()
        );
        client.batch_execute(&begin).await.map_err(Error::statement)?;
        Ok(session)
    }

    /// Runs one statement; what the server refuses is an answer. Locks that it took are given back at once.
    ///
    /// In one round trip and without a name, so that nothing stays prepared.
    pub(crate) async fn rows(&self, sql: &str) -> Result<Result<Vec<Row>, tokio_postgres::Error>, Error> {
        let answer = self.client.query_typed(sql, &[]).await;
        if self.client.is_closed() {
            return Err(answer.map_or_else(Error::statement, |_| Error::lost()));
        }
        self.back().await?;
        Ok(answer)
    }

    /// Undoes settings and locks since the begin.
    pub(crate) async fn back(&self) -> Result<(), Error> {
        self.client.batch_execute("ROLLBACK TO SAVEPOINT perfect21").await.map_err(Error::statement)
    }

    /// Reads a part; a part that cannot be read says why.
    pub(crate) async fn part<T>(
        &mut self,
        part: &'static str,
        sql: &str,
        read: impl Fn(&mut Fields<'_>) -> Result<T, tokio_postgres::Error>,
    ) -> Result<Part<Vec<T>>, Error> {
        let limited = format!("{sql} LIMIT {}", MAX_ROWS + 1);
        let mut rows = match self.rows(&limited).await? {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(unread(part, &error))),
        };
        if rows.len() > MAX_ROWS {
            rows.truncate(MAX_ROWS);
            self.cut.push(part);
        }
        let read: Result<Vec<T>, _> = rows.iter().map(|row| read(&mut Fields { row, at: 0 })).collect();
        Ok(read.map_err(|error| unread(part, &error)))
    }

    /// Ends the transaction, and gives the session back as it was.
    pub(crate) async fn end(mut self) -> Result<(), Error> {
        self.client.batch_execute(&self.last_words()).await.map_err(Error::statement)?;
        self.is_over = true;
        Ok(())
    }

    fn last_words(&self) -> String {
        match &self.hypopg {
            Some(schema) => format!("ROLLBACK; SELECT {}.hypopg_reset()", crate::sql::Ident(schema)),
            None => "ROLLBACK".to_owned(),
        }
    }
}

/// Trying statements.
#[cfg(feature = "advisor")]
impl Session<'_> {
    pub(crate) fn cut(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.cut)
    }

    /// Settings for as long as one statement is tried: names mean again what they mean to the session.
    pub(crate) async fn as_the_session_sees(&self) -> Result<Result<(), tokio_postgres::Error>, Error> {
        let sql =
            "SELECT /* perfect21 */ pg_catalog.set_config('search_path', pg_catalog.current_setting('perfect21.path'), true),
                    pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true)";
        let answer = self.client.query_typed(sql, &[]).await;
        if self.client.is_closed() { Err(Error::lost()) } else { Ok(answer.map(drop)) }
    }

    /// Runs a statement and keeps what it set and locked until [`back`](Self::back).
    pub(crate) async fn keep(&self, sql: &str) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.client.query_typed(sql, &[]).await
    }

    pub(crate) fn uses_hypopg(&mut self, schema: &str) {
        self.hypopg = Some(schema.to_owned());
    }

    pub(crate) fn prepares(&mut self) {
        self.is_prepared = true;
    }

    /// Forgets the prepared statement, also in a transaction that failed.
    pub(crate) async fn unprepare(&mut self) -> Result<(), Error> {
        self.back().await?;
        // One that was refused is not there: that is why the answer does not matter.
        let _ = self.rows(&format!("DEALLOCATE {PREPARED}")).await?;
        self.is_prepared = false;
        Ok(())
    }
}

impl Drop for Session<'_> {
    /// Sent, not awaited: the server reads it when it is done with what was asked before.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let _ = self.client.batch_execute(&self.last_words()).now_or_never();
        if self.is_prepared {
            let _ = self.client.batch_execute(&format!("DEALLOCATE {PREPARED}")).now_or_never();
        }
    }
}

/// The columns of a row, one after the other.
pub(crate) struct Fields<'a> {
    row: &'a Row,
    at: usize,
}

impl Fields<'_> {
    pub(crate) fn next<T: FromSqlOwned>(&mut self) -> Result<T, tokio_postgres::Error> {
        self.at += 1;
        self.row.try_get(self.at - 1)
    }
}

fn unread(part: &'static str, error: &tokio_postgres::Error) -> Unread {
    Unread { part, why: failed(error), denied: error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) }
}

/// What the server said, without the part that says that it did.
fn failed(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
        None => error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
    }
}
