//! What the tests of the pool share.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_db_stats::{Connection, Pool, PoolBuilder};
use perfect21_test_support::{postgres::Postgres, wait::DEADLINE};
use std::time::Duration;
use tokio_postgres::{Client, NoTls, types::FromSqlOwned};

pub(crate) fn pool(server: &Postgres) -> PoolBuilder {
    Pool::builder(server.url().parse().unwrap()).max_size(2).wait_timeout(DEADLINE)
}

/// A pool of one connection, so that the next user gets what the last one left.
pub(crate) fn single(server: &Postgres) -> Pool {
    pool(server).max_size(1).wait_timeout(DEADLINE).build().unwrap()
}

/// Polls until it holds; a state that never comes fails with what was last seen.
pub(crate) async fn eventually<T: std::fmt::Debug>(what: &str, mut look: impl AsyncFnMut() -> (bool, T)) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let (holds, seen) = look().await;
        if holds {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what} did not happen in {DEADLINE:?}; last seen: {seen:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A session beside the pool.
pub(crate) async fn outside(server: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Begins a statement, and drops its future when the server works for it.
pub(crate) async fn abandon(connection: &mut Connection, beside: &Client, sql: &str) {
    let running = eventually("the server works for it", async || {
        // While it is only being prepared it may wait too, for a file.
        let look = "SELECT count(*) FROM pg_stat_activity WHERE query = $1 AND state = 'active' AND wait_event_type IN ('Timeout', 'Lock')";
        let running: i64 = beside.query_one(look, &[&sql]).await.unwrap().get(0);
        (running == 1, running)
    });
    tokio::select! {
        result = connection.query(sql, &[]) => panic!("it ended: {result:?}"),
        () = running => {}
    }
}

pub(crate) async fn one<T: FromSqlOwned>(connection: &mut Connection, sql: &str) -> T {
    connection.query_one(sql, &[]).await.unwrap().get(0)
}

pub(crate) async fn pid(connection: &mut Connection) -> i32 {
    one(connection, "SELECT pg_backend_pid()").await
}

/// What `pg_stat_activity` says of all other sessions: how many there are, and the states of those that are not idle.
pub(crate) async fn others(client: &Client) -> (usize, Vec<String>) {
    let look = "SELECT coalesce(state, 'none') || ': ' || query FROM pg_stat_activity
                WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let rows = client.query(look, &[]).await.unwrap();
    let states: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    (states.len(), states.into_iter().filter(|state| !state.starts_with("idle:")).collect())
}
