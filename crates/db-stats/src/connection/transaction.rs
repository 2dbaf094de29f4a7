use super::Connection;
use crate::{error::Error, wire};
use futures_util::FutureExt;
use std::{
    fmt,
    ops::{Deref, DerefMut},
};

/// A transaction, or a savepoint within one; all that is run through it is part of it.
///
/// Dropped without [`commit`](Self::commit) it is rolled back: the order to do so goes out at once, and nobody waits for
/// its answer.
///
/// # Examples
/// ```no_run
/// # async fn example(pool: perfect21_db_stats::Pool) -> Result<(), perfect21_db_stats::Error> {
/// let mut connection = pool.get().await?;
/// let mut transfer = connection.transaction().await?;
/// transfer.execute("UPDATE accounts SET cents = cents - 5 WHERE id = 1", &[]).await?;
/// transfer.execute("UPDATE accounts SET cents = cents + 5 WHERE id = 2", &[]).await?;
/// transfer.commit().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction<'a> {
    connection: &'a mut Connection,
    depth: usize,
    ended: bool,
}

impl<'a> Transaction<'a> {
    pub(super) async fn begin(connection: &'a mut Connection) -> Result<Self, Error> {
        let depth = connection.depth;
        // Made before the server is asked: dropped in between, it is rolled back as well.
        let mut transaction = Self { connection, depth, ended: false };
        transaction.connection.depth += 1;
        let begin = if depth == 0 { "BEGIN".to_owned() } else { format!("SAVEPOINT s{depth}") };
        let begun = transaction.control(&begin).await;
        transaction.ended = begun.is_err();
        begun.map(|()| transaction)
    }

    /// Makes it last; of a savepoint, part of the transaction around it.
    ///
    /// # Errors
    /// As [`Connection::query`]; [`Aborted`](crate::ErrorKind::Aborted) if a statement in it failed: the server would
    /// take a commit for a rollback and call that a success. If the connection is lost meanwhile, nobody can say whether
    /// it was committed.
    ///
    /// # Cancel safety
    /// Dropped before its end it may have been committed or not.
    pub async fn commit(mut self) -> Result<(), Error> {
        if self.has_failed().await? {
            return Err(Error::aborted());
        }
        let depth = self.depth;
        let commit = if depth == 0 { "COMMIT".to_owned() } else { format!("RELEASE s{depth}") };
        let result = self.control(&commit).await;
        // After an error the connection's state decides.
        self.ended = result.is_ok();
        result
    }

    /// Undoes it, and returns when that is done.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub async fn rollback(mut self) -> Result<(), Error> {
        let rollback = self.undo();
        let result = self.control(&rollback).await;
        self.ended = result.is_ok();
        result
    }

    async fn has_failed(&mut self) -> Result<bool, Error> {
        let conn = &mut *self.connection.lease;
        // A statement that was given up is cancelled, and the transaction with it.
        if !conn.is_ready().await {
            return Err(Error::lost());
        }
        if conn.wire.status().in_flight > 0 {
            // The end of the last answer, which tells the state, is still to be read; a failure shows at the commit.
            let _ = conn.client.check_connection().await;
        }
        Ok(conn.wire.status().transaction == wire::Transaction::Failed)
    }

    fn undo(&self) -> String {
        let depth = self.depth;
        if depth == 0 { "ROLLBACK".to_owned() } else { format!("ROLLBACK TO s{depth}; RELEASE s{depth}") }
    }

    /// Not a batch: it leaves nothing in the session.
    pub(crate) async fn control(&mut self, sql: &str) -> Result<(), Error> {
        let call = self.connection.begin(sql).await?;
        let client = std::sync::Arc::clone(&self.connection.lease.client);
        let result = client.batch_execute(sql).await.map_err(Into::into);
        call.end(&mut self.connection.lease, result, |()| 0, &[])
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.connection.depth = self.depth;
        if !self.ended {
            let client = &self.connection.lease.client;
            // The first poll sends it, behind whatever is under way. How it ended is seen on the wire.
            drop(client.batch_execute(&self.undo()).now_or_never());
        }
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("depth", &self.depth)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
