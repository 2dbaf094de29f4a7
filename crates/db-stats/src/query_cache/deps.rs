use super::catalog::FIRST_OF_USERS;
use crate::{Connection, error::Error};
use std::sync::Arc;

/// What the rows of a statement depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deps {
    /// The relations that it reads, by their numbers.
    Tables(Arc<[u32]>),
    /// It locks rows or writes: not to be cached.
    Writes,
}

/// Locks are held until the end of a transaction, so they tell all that was read in it: through views, partitions and
/// functions, too.
const LOCKS: &str = "\
    SELECT l.relation, pg_catalog.bool_or(l.mode <> 'AccessShareLock') \
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
    JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = pg_catalog.current_database() \
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.relation >= $1 \
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
    GROUP BY 1 ORDER BY 1";

impl Deps {
    /// Of all that ran in the transaction so far.
    pub(super) async fn of_transaction(connection: &mut Connection) -> Result<Self, Error> {
        let rows = connection.aside(async |client| client.query(LOCKS, &[&FIRST_OF_USERS]).await).await?;
        if rows.iter().any(|row| row.get(1)) {
            return Ok(Self::Writes);
        }
        Ok(Self::Tables(rows.iter().map(|row| row.get(0)).collect()))
    }
}
