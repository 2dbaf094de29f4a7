use super::send;
use crate::error::Error;
use std::time::{Duration, Instant};
use tokio_postgres::{Client, types::Type};

/// `p21` in bytes: the first half of the key, so that others' advisory locks are seldom met.
const CLASS: i32 = 0x0070_3231;

/// An advisory lock of the session on one table: whoever builds indexes or partitions of it by this crate has it.
///
/// It is asked for again and again rather than waited for: a session that waits within a statement holds a snapshot,
/// and a concurrent build waits for all snapshots that are older, so that the two would wait for each other.
pub(crate) struct TableLock<'a> {
    client: &'a Client,
    key: i32,
    held: bool,
}

impl<'a> TableLock<'a> {
    pub(crate) async fn acquire(client: &'a Client, oid: u32, wait: Duration) -> Result<Self, Error> {
        let began = Instant::now();
        let key = oid.cast_signed();
        for nth in 0_u32.. {
            // Armed before the answer is there: a future that is dropped meanwhile gives it back all the same.
            let mut lock = Self { client, key, held: true };
            let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
                [(&CLASS, Type::INT4), (&key, Type::INT4)];
            let row = client.query_typed("SELECT pg_catalog.pg_try_advisory_lock($1, $2)", &params).await;
            let row = row.map_err(|error| Error::step("taking the table's advisory lock", error))?;
            lock.held = row.first().is_some_and(|row| row.get(0));
            if lock.held {
                return Ok(lock);
            }
            if began.elapsed() >= wait {
                break;
            }
            let pause = Duration::from_millis(20 << nth.min(4));
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        }
        Err(Error::busy(
            "taking the table's advisory lock, which another maintainer has",
            began.elapsed(),
            None,
        ))
    }

    pub(crate) async fn release(mut self) -> Result<(), Error> {
        let unlock = self.unlock();
        let result = self.client.batch_execute(&unlock).await;
        self.held = false;
        result.map_err(|error| Error::step("releasing the table's advisory lock", error))
    }

    fn unlock(&self) -> String {
        format!("SELECT pg_catalog.pg_advisory_unlock({CLASS}, {})", self.key)
    }
}

impl Drop for TableLock<'_> {
    fn drop(&mut self) {
        if self.held {
            send(self.client, &self.unlock());
        }
    }
}
