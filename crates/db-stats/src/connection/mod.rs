mod conn;
mod copy;
mod lease;
mod prepared;
mod run;
mod session;
mod timed;
mod transaction;
mod writes;

use crate::{error::Error, pool::Manager};
use deadpool::managed::Object;
use lease::Lease;
use std::{fmt, time::Duration};
use tokio_postgres::{
    Client, Row,
    types::{ToSql, Type},
};

pub(crate) use conn::Conn;
pub(crate) use run::is_stale;
pub(crate) use session::Changes;
pub(crate) use timed::Timed;
pub use transaction::Transaction;
pub(crate) use writes::Writes;

/// A connection out of a [`Pool`](crate::Pool); dropping it gives it back.
///
/// At the return its state is known without a round trip. What is idle goes back at once. An open or failed transaction
/// is rolled back, a statement that still runs is cancelled, and a session that was changed is cleaned, all in the
/// background; a connection that does not come to rest within 5 s is closed. None is handed on as it is.
///
/// Each statement is prepared once per connection, and the last 256 of them stay so
/// ([`max_prepared`](crate::PoolBuilder::max_prepared)). If a change of the schema makes one useless it is prepared again
/// and run once more; within a transaction, which has failed by then, the error is returned.
///
/// # Cancel safety
/// A statement whose future is dropped is cancelled on the server: at the return, or before the next statement of the
/// same connection, which waits for that.
pub struct Connection {
    lease: Lease,
    /// What the first statement waited for it.
    wait: Duration,
    /// Transactions within each other.
    depth: usize,
}

impl Connection {
    pub(crate) fn new(object: Object<Manager>, wait: Duration) -> Self {
        Self { lease: Lease::new(object), wait, depth: 0 }
    }

    /// Runs a statement and reads all its rows.
    ///
    /// # Errors
    /// [`Statement`](crate::ErrorKind::Statement) if the server refuses it or the connection is lost,
    /// [`Lost`](crate::ErrorKind::Lost) if it was lost before, [`Unanswered`](crate::ErrorKind::Unanswered) if the server
    /// falls silent.
    ///
    /// # Cancel safety
    /// As the [type](Self) says.
    ///
    /// # Panics
    /// If the number of parameters is not the statement's, as tokio-postgres does.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(pool: perfect21_db_stats::Pool) -> Result<(), perfect21_db_stats::Error> {
    /// let mut connection = pool.get().await?;
    /// for row in connection.query("SELECT name FROM products WHERE price < $1", &[&10_i32]).await? {
    ///     println!("{}", row.get::<_, &str>(0));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn query(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let mut call = self.begin(sql).await?;
        let result = loop {
            let result = self.lease.rows(sql, params, &mut call).await;
            if !call.is_retried(&mut self.lease, sql, result.as_ref().err()) {
                break result;
            }
        };
        call.end(&mut self.lease, result, |rows| rows.len() as u64, params)
    }

    /// [`query`](Self::query) of a statement that gives exactly one row.
    ///
    /// # Errors
    /// As [`query`](Self::query), and [`RowCount`](crate::ErrorKind::RowCount) if there are more rows or none.
    ///
    /// # Panics
    /// As [`query`](Self::query).
    pub async fn query_one(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row, Error> {
        self.query_opt(sql, params).await?.ok_or_else(|| Error::row_count(0))
    }

    /// [`query`](Self::query) of a statement that gives one row at most.
    ///
    /// # Errors
    /// As [`query`](Self::query), and [`RowCount`](crate::ErrorKind::RowCount) if there are more rows.
    ///
    /// # Panics
    /// As [`query`](Self::query).
    pub async fn query_opt(
        &mut self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        let mut rows = self.query(sql, params).await?;
        if rows.len() > 1 {
            return Err(Error::row_count(rows.len()));
        }
        Ok(rows.pop())
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    ///
    /// # Panics
    /// As [`query`](Self::query).
    pub async fn execute(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        let mut call = self.begin(sql).await?;
        let result = loop {
            let result = self.lease.count(sql, params).await;
            if !call.is_retried(&mut self.lease, sql, result.as_ref().err()) {
                break result;
            }
        };
        call.end(&mut self.lease, result, |rows| *rows, params)
    }

    /// Runs a statement that is not worth preparing, in one round trip: the types of its parameters are given. The only
    /// way to pass parameters behind a transaction pooler.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    ///
    /// # Panics
    /// As [`query`](Self::query).
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(pool: perfect21_db_stats::Pool) -> Result<(), perfect21_db_stats::Error> {
    /// use tokio_postgres::types::Type;
    ///
    /// let rows = pool.get().await?.query_typed("SELECT $1 + 1", &[(&6_i32, Type::INT4)]).await?;
    /// assert_eq!(rows[0].get::<_, i32>(0), 7);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn query_typed(
        &mut self,
        sql: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Error> {
        let call = self.begin(sql).await?;
        let result = self.lease.typed(sql, params).await;
        let values: Vec<_> = params.iter().map(|(value, _)| *value).collect();
        call.end(&mut self.lease, result, |rows| rows.len() as u64, &values)
    }

    /// Runs any number of statements without parameters, as one transaction unless they say otherwise. The session
    /// counts as changed and is cleaned after its return.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn batch_execute(&mut self, sql: &str) -> Result<(), Error> {
        let call = self.begin(sql).await?;
        let result = self.lease.batch(sql).await;
        call.end(&mut self.lease, result, |()| 0, &[])
    }

    /// The client of tokio-postgres beneath, for what this type has no method for. What goes through it is neither timed
    /// nor counted; the session counts as changed and is cleaned after the return.
    ///
    /// # Errors
    /// [`Lost`](crate::ErrorKind::Lost) if the connection is lost.
    ///
    /// # Cancel safety
    /// As the [type](Self) says.
    pub async fn client(&mut self) -> Result<&Client, Error> {
        self.lease.expose().await?;
        Ok(&self.lease.client)
    }

    /// Runs what leaves nothing in the session, and is neither timed nor counted.
    pub(crate) async fn aside<T>(
        &mut self,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Error> {
        self.lease.aside(work).await
    }

    /// Statements prepared as text may stay: the session is cleaned at its return.
    pub(crate) fn leaves_names(&mut self) {
        self.lease.changes.add(Changes { session: true, names: true, broken: false });
    }

    pub(crate) async fn types(&mut self, sql: &str) -> Result<Vec<Type>, Error> {
        self.lease.types(sql).await
    }

    /// Begins a transaction, or within one a savepoint. Dropped without [`commit`](Transaction::commit) it is rolled back.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        Transaction::begin(self).await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conn = &*self.lease;
        f.debug_struct("Connection")
            .field("busy", &conn.busy)
            .field("wire", &conn.wire.status())
            .field("prepared", &conn.prepared)
            .finish_non_exhaustive()
    }
}
