//! Many users, most with little patience: afterwards every connection is as new.

use crate::common::{eventually, others, outside, pool};
use perfect21_db_stats::{Connection, Error, Pool};
use perfect21_test_support::{postgres::Postgres, soak, wait::DEADLINE};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

async fn work(connection: &mut Connection, kind: u32) -> Result<(), Error> {
    match kind {
        0 => drop(connection.query("SELECT pg_sleep(0.02)", &[]).await?),
        1 => {
            connection.execute("BEGIN", &[]).await?;
            connection.execute("UPDATE t SET n = n + 1 WHERE i = 1", &[]).await?;
        }
        2 => {
            let mut transaction = connection.transaction().await?;
            transaction.execute("UPDATE t SET n = n + 1 WHERE i = 2", &[]).await?;
            transaction.commit().await?;
        }
        3 => drop(connection.execute("SET work_mem = '77MB'", &[]).await?),
        4 => drop(connection.query("SELECT nonsense", &[]).await),
        5 => drop(connection.query("SELECT count(*) FROM generate_series(1, 50000)", &[]).await?),
        _ => drop(connection.query("SELECT n FROM t WHERE i = $1", &[&1_i32]).await?),
    }
    Ok(())
}

/// One user: what it finds must be as new, and it may leave at any moment.
async fn user(pool: Pool, mut random: fastrand::Rng, end: Instant, done: Arc<AtomicU64>) {
    while Instant::now() < end {
        // On a slow machine only those get through who may wait in line.
        let most = if random.u32(0..20) == 0 { 3_000_000 } else { 30_000 };
        let patience = Duration::from_micros(random.u64(0..most));
        let kind = random.u32(0..9);
        let use_once = async {
            let mut connection = pool.get().await?;
            let clean = "SELECT current_setting('work_mem') = '4MB' AND txid_current_if_assigned() IS NULL";
            let rows = connection.query(clean, &[]).await?;
            assert!(rows[0].get::<_, bool>(0), "what somebody left was handed on");
            work(&mut connection, kind).await
        };
        if let Ok(result) = tokio::time::timeout(patience, use_once).await {
            result.unwrap();
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_random_time_outs_every_connection_is_idle_and_works() {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    beside
        .batch_execute("CREATE TABLE t (i int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0), (2, 0)")
        .await
        .unwrap();
    let pool = pool(&server).max_size(8).wait_timeout(DEADLINE).build().unwrap();
    let done = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + Duration::from_secs(soak::rounds(3, 60).into());
    let users: Vec<_> = (0..200)
        .map(|seed| tokio::spawn(user(pool.clone(), fastrand::Rng::with_seed(seed), end, Arc::clone(&done))))
        .collect();
    for user in users {
        user.await.unwrap();
    }
    assert!(done.load(Ordering::Relaxed) > 0, "somebody got through");
    eventually("every session is idle", async || {
        let seen = others(&beside).await;
        (seen.1.is_empty() && seen.0 <= 8, seen)
    })
    .await;
    // All places are there, and all connections answer.
    let mut all = Vec::new();
    for _ in 0..8 {
        let mut connection = pool.get().await.unwrap();
        assert_eq!(connection.query("SELECT 1", &[]).await.unwrap().len(), 1);
        all.push(connection);
    }
    assert!(tokio::time::timeout(Duration::from_millis(20), pool.get()).await.is_err(), "and no more");
    assert_eq!(pool.holders().len(), 8);
    let locks = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = 't'";
    assert_eq!(beside.query_one(locks, &[]).await.unwrap().get::<_, i64>(0), 0);
}
