use super::{Connection, Writes, conn::Conn, lease::Lease, prepared::Cached, session::Changes, timed::Timed};
use crate::{error::Error, statement::Values, wire::Transaction};
use futures_util::TryStreamExt;
use std::error::Error as _;
use tokio_postgres::{
    Client, Row, Statement,
    error::SqlState,
    types::{ToSql, Type, WrongType},
};

/// How one attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    Statement(tokio_postgres::Error),
    /// Parameters without types behind a transaction pooler.
    Untyped,
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Statement(error)
    }
}

/// One statement under way.
pub(super) struct Call {
    timed: Timed,
    in_transaction: bool,
    retried: bool,
}

impl Connection {
    /// What is still running from a dropped future is ended first.
    pub(super) async fn begin(&mut self, sql: &str) -> Result<Call, Error> {
        let conn = &mut *self.lease;
        let timed = Timed::start(&conn.shared.statements, sql, std::mem::take(&mut self.wait));
        if !conn.is_ready().await {
            timed.end(Err(None), &[]);
            return Err(Error::lost());
        }
        conn.busy = true;
        conn.used = true;
        // Whoever changes settings may have changed the time-out.
        if !conn.changes.session && !conn.shared.settings.pooler {
            conn.tenure.begin(conn.shared.now());
        }
        let in_transaction = conn.wire.status().transaction != Transaction::Idle;
        Ok(Call { timed, in_transaction, retried: false })
    }
}

impl Call {
    /// Whether the statement that the server holds is useless, and may be run again with a new one.
    pub(super) fn is_retried(&mut self, conn: &mut Conn, sql: &str, failure: Option<&Failure>) -> bool {
        let Some(Failure::Statement(error)) = failure else { return false };
        let Some(Stale { sent }) = is_stale(error) else { return false };
        conn.prepared.remove(sql);
        // An error of the server has ended a transaction; outside of one, nothing was done.
        let again = !(self.retried || self.in_transaction && sent);
        if again {
            self.retried = true;
            self.timed.retried();
            conn.shared.counts.healed.increment();
        }
        again
    }

    pub(super) fn end<T>(
        self,
        lease: &mut Lease,
        result: Result<T, Failure>,
        rows: impl FnOnce(&T) -> u64,
        values: Values<'_>,
    ) -> Result<T, Error> {
        let conn = &mut **lease;
        conn.tenure.end();
        match result {
            Ok(value) => {
                conn.busy = false;
                conn.settle();
                self.timed.end(Ok(rows(&value)), values);
                Ok(value)
            }
            Err(Failure::Statement(_)) if conn.tenure.is_condemned() => {
                conn.fatal = true;
                self.timed.end(Err(None), values);
                Err(Error::unanswered(conn.shared.settings.patience()))
            }
            Err(Failure::Statement(error)) => {
                conn.busy = false;
                conn.settle();
                conn.note(error.code());
                self.timed.end(Err(error.code()), values);
                Err(Error::statement(error))
            }
            Err(Failure::Untyped) => {
                conn.busy = false;
                self.timed.end(Err(None), values);
                Err(Error::untyped())
            }
        }
    }
}

/// A statement that the server holds is useless.
pub(crate) struct Stale {
    /// The server was asked.
    sent: bool,
}

pub(crate) fn is_stale(error: &tokio_postgres::Error) -> Option<Stale> {
    let (stale, sent) = match error.as_db_error() {
        Some(error) => (
            *error.code() == SqlState::INVALID_SQL_STATEMENT_NAME
                || (*error.code() == SqlState::FEATURE_NOT_SUPPORTED
                    && error.message().contains("cached plan")),
            true,
        ),
        // It may have other parameters by now, or the caller is wrong.
        None => (error.source().is_some_and(|cause| cause.is::<WrongType>()), false),
    };
    stale.then_some(Stale { sent })
}

impl Conn {
    /// Readies it for somebody whose statements are not seen here.
    pub(super) async fn expose(&mut self) -> Result<(), Error> {
        if !self.is_ready().await {
            return Err(Error::lost());
        }
        self.used = true;
        self.exposed = true;
        self.changes.add(Changes { session: true, names: true, broken: false });
        self.pending.add(&Writes::Any);
        Ok(())
    }

    /// Runs what leaves nothing in the session, and is neither timed nor counted.
    pub(super) async fn aside<T>(
        &mut self,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Error> {
        if !self.is_ready().await {
            return Err(Error::lost());
        }
        self.busy = true;
        self.used = true;
        let result = work(&self.client).await;
        self.busy = false;
        result.map_err(|error| {
            self.note(error.code());
            Error::statement(error)
        })
    }

    /// The types of a statement's parameters; it stays prepared.
    pub(super) async fn types(&mut self, sql: &str) -> Result<Vec<Type>, Error> {
        if !self.is_ready().await {
            return Err(Error::lost());
        }
        self.busy = true;
        self.used = true;
        let statement = self.statement(sql).await;
        self.busy = false;
        match statement {
            Ok(statement) => Ok(statement.params().to_vec()),
            Err(Failure::Untyped) => Err(Error::untyped()),
            Err(Failure::Statement(error)) => {
                self.note(error.code());
                Err(Error::statement(error))
            }
        }
    }

    pub(super) async fn rows(
        &mut self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
        call: &mut Call,
    ) -> Result<Vec<Row>, Failure> {
        if self.shared.settings.pooler {
            return if params.is_empty() { self.typed(sql, &[]).await } else { Err(Failure::Untyped) };
        }
        let statement = self.statement(sql).await?;
        let rows = self.client.query_raw(&statement, params.iter().copied()).await?;
        call.timed.received();
        Ok(rows.try_collect().await?)
    }

    pub(super) async fn count(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Failure> {
        if self.shared.settings.pooler {
            let untyped = Err(Failure::Untyped);
            if !params.is_empty() {
                return untyped;
            }
            self.changes.add(Changes::of(sql));
            self.pending.add(&Writes::of(sql));
            return Ok(self.client.execute_typed(sql, &[]).await?);
        }
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, params).await?)
    }

    pub(super) async fn typed(
        &mut self,
        sql: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Failure> {
        self.changes.add(Changes::of(sql));
        self.pending.add(&Writes::of(sql));
        Ok(self.client.query_typed(sql, params).await?)
    }

    pub(super) async fn batch(&mut self, sql: &str) -> Result<(), Failure> {
        self.changes.add(Changes::of_batch(sql));
        self.pending.add(&Writes::of(sql));
        Ok(self.client.batch_execute(sql).await?)
    }

    pub(super) async fn statement(&mut self, sql: &str) -> Result<Statement, Failure> {
        if let Some(cached) = self.prepared.get(sql) {
            let Cached { statement, changes, writes } = cached.clone();
            self.changes.add(changes);
            self.pending.add(&writes);
            return Ok(statement);
        }
        // Dropped half-way, it leaves a statement on the server whose name nobody knows.
        let broken = std::mem::replace(&mut self.changes.broken, true);
        let statement = self.client.prepare(sql).await;
        self.changes.broken = broken;
        let cached = Cached { statement: statement?, changes: Changes::of(sql), writes: Writes::of(sql) };
        self.changes.add(cached.changes);
        self.pending.add(&cached.writes);
        let statement = cached.statement.clone();
        self.prepared.put(sql, cached);
        Ok(statement)
    }
}
