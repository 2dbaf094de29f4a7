//! Lookups of many tasks over few connections.

mod builder;
mod session;
mod slot;

use crate::{
    Pool,
    connection::{Changes, Timed, Writes},
    error::Error,
};
use slot::{Slot, Using};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};

pub use builder::ReadLaneBuilder;

/// Short reads of many tasks at once over a few connections that they share: requests go out without waiting for the
/// answers to those before. Clones share it.
///
/// On one machine with its server it does 1.4 times as many lookups as a pool whose tasks wait for each other's
/// connections, and takes two connections for any number of tasks (the bench `lookups, read lane`).
///
/// ```no_run
/// # async fn example(pool: perfect21_db_stats::Pool) -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_db_stats::ReadLane;
///
/// let lane = ReadLane::builder(pool).connections(2).build()?;
/// let row = lane.query_one("SELECT name FROM products WHERE id = $1", &[&7_i32]).await?;
/// println!("{}", row.get::<_, &str>(0));
/// # Ok(())
/// # }
/// ```
///
/// # What it is not for
/// - **Long statements**: those behind one on the same connection wait until it ends.
/// - **Writes, transactions, session state**: each statement is a transaction of its own on a read-only session; what is no
///   read by its first word is refused before it is sent, and what writes in spite of that is by the server (`25006`).
/// - **Cancelling**: a statement whose future is dropped runs to its end on the server, or to its time-out. Others are on
///   the same connection.
///
/// # Outages
/// As nothing is written, a statement whose connection is lost is sent again on another one, as often as there are
/// connections and once more. While none can be opened
/// callers wait, for the pool's [`wait_timeout`](crate::PoolBuilder::wait_timeout) at most. A server that falls silent is
/// given up 2 s after the [`statement_timeout`](crate::PoolBuilder::statement_timeout).
///
/// # Bounds
/// Connections beside those of the pool: [`connections`](ReadLaneBuilder::connections), opened when they are needed.
/// Statements kept prepared on each: the pool's [`max_prepared`](crate::PoolBuilder::max_prepared). Callers are not bounded
/// here, and those of one connection are served in their order.
#[derive(Clone)]
pub struct ReadLane(Arc<Inner>);

struct Inner {
    pool: Pool,
    slots: Box<[Slot]>,
}

/// How one attempt ended.
enum Attempt {
    Done(Vec<Row>),
    /// What the server has prepared is no use any more.
    Stale(tokio_postgres::Error),
    /// The connection is lost.
    Lost(tokio_postgres::Error),
    Failed(tokio_postgres::Error),
}

impl ReadLane {
    /// Begins one to the server of this pool, with its settings and credentials.
    pub fn builder(pool: Pool) -> ReadLaneBuilder {
        ReadLaneBuilder::new(pool)
    }

    /// Runs a read and returns all its rows.
    ///
    /// # Errors
    /// [`NotShared`](crate::ErrorKind::NotShared) if it is no read; otherwise as [`Pool::get`] and
    /// [`Connection::query`](crate::Connection::query).
    ///
    /// # Cancel safety
    /// Dropped, the statement may still run to its end.
    ///
    /// # Panics
    /// If it is polled outside of a tokio runtime, or the number of parameters is not the statement's.
    pub async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        if !is_read(sql) {
            return Err(Error::not_shared(sql));
        }
        let (mut session, wait) = self.session().await?;
        let mut timed = Timed::start(&self.0.pool.shared().statements, sql, wait);
        let mut attempt = session.attempt(sql, params).await;
        // Each connection may have been lost before anybody noticed, and the one that is opened then may be, too.
        let mut healed = false;
        for _ in 0..=self.0.slots.len() {
            match &attempt {
                Attempt::Lost(_) => {}
                // If that does not help, the caller is wrong.
                Attempt::Stale(_) if !healed => healed = true,
                _ => break,
            }
            timed.retried();
            session = match self.session().await {
                Ok((session, _)) => session,
                Err(error) => {
                    timed.end(Err(error.code()), params);
                    return Err(error);
                }
            };
            attempt = session.attempt(sql, params).await;
        }
        match attempt {
            Attempt::Done(rows) => {
                timed.end(Ok(rows.len() as u64), params);
                Ok(rows)
            }
            Attempt::Stale(error) | Attempt::Lost(error) | Attempt::Failed(error) => {
                timed.end(Err(error.code()), params);
                Err(Error::statement(error))
            }
        }
    }

    /// [`query`](Self::query) of a statement that gives exactly one row.
    ///
    /// # Errors
    /// As [`query`](Self::query), and [`RowCount`](crate::ErrorKind::RowCount) if there are more rows or none.
    ///
    /// # Panics
    /// As [`query`](Self::query).
    pub async fn query_one(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row, Error> {
        self.query_opt(sql, params).await?.ok_or_else(|| Error::row_count(0))
    }

    /// [`query`](Self::query) of a statement that gives one row at most.
    ///
    /// # Errors
    /// As [`query`](Self::query), and [`RowCount`](crate::ErrorKind::RowCount) if there are more rows.
    ///
    /// # Panics
    /// As [`query`](Self::query).
    pub async fn query_opt(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, Error> {
        let mut rows = self.query(sql, params).await?;
        if rows.len() > 1 {
            return Err(Error::row_count(rows.len()));
        }
        Ok(rows.pop())
    }
}

impl ReadLane {
    /// The session with the fewest statements under way, and how long it took to get it.
    async fn session(&self) -> Result<(Using, Duration), Error> {
        let inner = &*self.0;
        if inner.pool.shared().is_closed() {
            return Err(Error::closed());
        }
        let slot = inner.slots.iter().min_by_key(|slot| slot.in_flight());
        let Some(slot) = slot else { unreachable!("there is at least one: checked when it was built") };
        let using = slot.enter();
        if let Some(session) = slot.session()
            && !inner.pool.is_paused()
        {
            return Ok((using.with(session), Duration::ZERO));
        }
        let begin = Instant::now();
        let limit = inner.pool.shared().settings.wait_timeout;
        let last = std::sync::Mutex::new(None);
        let opening = async {
            inner.pool.until_resumed().await;
            slot.open(&inner.pool, &last).await
        };
        match timeout(limit, opening).await {
            Ok(Ok(session)) => Ok((using.with(session), begin.elapsed())),
            Ok(Err(error)) => Err(error),
            Err(_) if inner.pool.is_paused() => Err(Error::paused(limit)),
            Err(_) => Err(match last.into_inner().unwrap_or_default() {
                Some(cause) => Error::unreachable(limit, cause),
                None => Error::slow(limit),
            }),
        }
    }
}

/// By its first word, and by what could stay in the session.
fn is_read(sql: &str) -> bool {
    !Changes::of(sql).any() && Writes::of(sql) == Writes::None && Changes::begins_read(sql)
}

impl fmt::Debug for ReadLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadLane").field("pool", &self.0.pool).field("slots", &self.0.slots).finish()
    }
}
