//! What other processes write is seen when the server tells of it, and nothing is held while it cannot.

use crate::common::{eventually, outside, pool};
use perfect21_db_stats::{ErrorKind, Pool, QueryCache};
use perfect21_test_support::wait::DEADLINE;
use perfect21_test_support::{
    fault::{Proxy, Way},
    postgres::Postgres,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_postgres::{Client, types::ToSql};

const NOTHING: &[&(dyn ToSql + Sync)] = &[];
const SQL: &str = "SELECT max(n) FROM t";
const TABLE: &str = "CREATE TABLE t (n bigint); INSERT INTO t VALUES (0)";

async fn read(cache: &QueryCache) -> i64 {
    cache.query(SQL, NOTHING).await.unwrap().get(0).unwrap().get(0).unwrap()
}

/// Asked twice, the second time without the server.
async fn held(cache: &QueryCache) {
    eventually("it is held", async || {
        let before = cache.stats();
        read(cache).await;
        let after = cache.stats();
        let at_hand =
            after.loads.cache.loads == before.loads.cache.loads && after.bypassed == before.bypassed;
        (at_hand, after)
    })
    .await;
}

fn listening(pool: &Pool) -> QueryCache {
    QueryCache::builder(pool.clone())
        .listen(true)
        .ping_interval(Duration::from_millis(200))
        .ping_timeout(Duration::from_millis(300))
        .build()
        .unwrap()
}

async fn start() -> (Postgres, Client, Pool, QueryCache) {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    beside.batch_execute(TABLE).await.unwrap();
    let pool = pool(&server).max_size(4).wait_timeout(DEADLINE).build().unwrap();
    let cache = listening(&pool);
    (server, beside, pool, cache)
}

const LISTENERS: &str =
    "SELECT pid FROM pg_stat_activity WHERE query LIKE '%LISTEN perfect21%' AND pid <> pg_backend_pid()";

#[tokio::test]
async fn writes_of_others_are_seen() {
    let (_server, mut beside, _pool, cache) = start().await;
    cache.watch(&["t"]).await.unwrap();
    held(&cache).await;
    let mut worst = Duration::ZERO;
    for n in 1..=200_i64 {
        if n % 2 == 0 {
            beside.execute("UPDATE t SET n = $1", &[&n]).await.unwrap();
        } else {
            let transaction = beside.transaction().await.unwrap();
            transaction.execute("DELETE FROM t", &[]).await.unwrap();
            transaction.execute("INSERT INTO t VALUES ($1)", &[&n]).await.unwrap();
            transaction.commit().await.unwrap();
        }
        let written = Instant::now();
        while read(&cache).await < n {
            assert!(written.elapsed() < Duration::from_secs(5), "{n} is not seen: {:?}", cache.stats());
            tokio::task::yield_now().await;
        }
        worst = worst.max(written.elapsed());
        held(&cache).await;
    }
    assert!(worst < Duration::from_secs(2), "{worst:?}");
    assert!(cache.stats().heard >= 200);
    // Nothing is told of what was undone.
    let heard = cache.stats().heard;
    beside.batch_execute("BEGIN; UPDATE t SET n = 0; ROLLBACK; TRUNCATE t").await.unwrap();
    eventually("the truncation is heard", async || (cache.stats().heard > heard, cache.stats())).await;
    assert_eq!(cache.stats().heard, heard + 1);
}

#[tokio::test]
async fn what_is_not_watched_is_not_held() {
    let (_server, beside, _pool, cache) = start().await;
    beside
        .batch_execute("CREATE TABLE u (n bigint); CREATE VIEW w AS SELECT max(t.n) AS n FROM t, u; INSERT INTO u VALUES (1)")
        .await
        .unwrap();
    cache.watch(&["t"]).await.unwrap();
    held(&cache).await;
    let view = async || {
        cache.query("SELECT n FROM w", NOTHING).await.unwrap().get(0).unwrap().get::<i64>(0).unwrap()
    };
    assert_eq!(view().await, 0);
    beside.batch_execute("UPDATE t SET n = 5").await.unwrap();
    assert_eq!(view().await, 5);
    cache.watch(&["u"]).await.unwrap();
    eventually("it is held now", async || {
        let before = cache.stats();
        view().await;
        let after = cache.stats();
        (after.loads.cache.hits > before.loads.cache.hits && after.bypassed == before.bypassed, after)
    })
    .await;
    cache.unwatch(&["u"]).await.unwrap();
    beside.batch_execute("DELETE FROM u").await.unwrap();
    assert!(cache.query("SELECT n FROM w WHERE n IS NOT NULL", NOTHING).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_cut_again_and_again_hides_no_write() {
    let (server, beside, _pool, cache) = start().await;
    cache.watch(&["t"]).await.unwrap();
    held(&cache).await;
    let beside = Arc::new(beside);
    // What was acknowledged so long ago must be seen, cut or not.
    let grace = Duration::from_millis(500);
    let settled = Arc::new(AtomicI64::new(0));
    let writing = {
        let (beside, settled) = (Arc::clone(&beside), Arc::clone(&settled));
        tokio::spawn(async move {
            for n in 1..=300_i64 {
                beside.execute("UPDATE t SET n = $1", &[&n]).await.unwrap();
                let settled = Arc::clone(&settled);
                tokio::spawn(async move {
                    tokio::time::sleep(grace).await;
                    settled.fetch_max(n, Ordering::SeqCst);
                });
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    let killer = outside(&server).await;
    while !writing.is_finished() {
        let least = settled.load(Ordering::SeqCst);
        let seen = read(&cache).await;
        assert!(seen >= least, "{seen} long after {least}");
        if cache.stats().hears == Some(true) && seen % 7 == 0 {
            killer
                .query(&format!("SELECT pg_terminate_backend(pid) FROM ({LISTENERS}) s"), &[])
                .await
                .unwrap();
        }
    }
    writing.await.unwrap();
    eventually("the last one is seen", async || {
        let seen = read(&cache).await;
        (seen == 300, seen)
    })
    .await;
    held(&cache).await;
    assert!(cache.stats().sessions > 5, "{:?}", cache.stats());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_is_noticed_by_ping_interval_and_time_out() {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    beside.batch_execute(TABLE).await.unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let config = format!("postgres://postgres@{}/postgres", proxy.addr());
    let pool = Pool::builder(config.parse().unwrap())
        .max_size(4)
        .connect_timeout(Duration::from_millis(500))
        .statement_timeout(Duration::from_secs(1))
        .wait_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let cache = listening(&pool);
    cache.watch(&["t"]).await.unwrap();
    held(&cache).await;

    proxy.black_hole(Way::ToClient);
    beside.execute("UPDATE t SET n = 1", NOTHING).await.unwrap();
    let written = Instant::now();
    let mut last = Instant::now();
    // Answers without the server, as long as it is not known to be deaf.
    while cache.stats().hears == Some(true) {
        let asked = Instant::now();
        if let Ok(Ok(rows)) = tokio::time::timeout(Duration::from_millis(50), cache.query(SQL, NOTHING)).await
            && rows.get(0).unwrap().get::<i64>(0).unwrap() == 0
        {
            last = asked;
        }
        assert!(written.elapsed() < Duration::from_secs(10), "it is still believed to hear");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let late = last.duration_since(written);
    // 200 ms and 300 ms, and what a busy machine adds.
    assert!(late < Duration::from_millis(1500), "{late:?}");
    proxy.pass();
    proxy.cut();
    eventually("it is whole again", async || match cache.query(SQL, NOTHING).await {
        Ok(rows) => (rows.get(0).unwrap().get::<i64>(0).unwrap() == 1, "answered".to_owned()),
        Err(error) => (false, error.to_string()),
    })
    .await;
    held(&cache).await;
}

#[tokio::test]
async fn watching_takes_any_name_and_is_done_once() {
    let (server, beside, pool, cache) = start().await;
    beside
        .batch_execute(
            "CREATE SCHEMA \"Odd.One\"; CREATE TABLE \"Odd.One\".\"a\"\"; DROP TABLE t; --\" (n bigint);
             CREATE TABLE part (n bigint) PARTITION BY RANGE (n);
             CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
             CREATE ROLE plain LOGIN; GRANT ALL ON t TO plain",
        )
        .await
        .unwrap();
    let odd = "\"Odd.One\".\"a\"\"; DROP TABLE t; --\"";
    let many = (0..4).map(|_| {
        let cache = listening(&pool);
        async move { cache.watch(&["t", odd, "part"]).await }
    });
    for done in futures_util::future::join_all(many).await {
        done.unwrap();
    }
    let count = "SELECT count(*) FROM pg_trigger WHERE tgname = 'perfect21_query_cache' AND tgenabled = 'A'";
    let there = async || beside.query_one(count, &[]).await.unwrap().get::<_, i64>(0);
    assert_eq!(there().await, 4, "a partition has one of its own");
    for table in [odd, "part_1", "part", "t"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let seen = async || cache.query(&sql, NOTHING).await.unwrap().get(0).unwrap().get::<i64>(0).unwrap();
        let before = seen().await;
        beside.execute(&format!("INSERT INTO {table} VALUES (1)"), &[]).await.unwrap();
        eventually("the write is seen", async || {
            let now = seen().await;
            (now == before + 1, now)
        })
        .await;
    }
    assert_eq!(cache.watch(&["t", "nowhere"]).await.unwrap_err().kind(), ErrorKind::NoTable);
    cache.unwatch(&[odd, "part", "t"]).await.unwrap();
    cache.unwatch(&["t"]).await.unwrap();
    assert_eq!(there().await, 0);

    let plain = Pool::builder(server.url().replace("postgres@", "plain@").parse().unwrap()).build().unwrap();
    let error = listening(&plain).watch(&["t"]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
    // By hand, for who has the right to.
    beside.batch_execute(&QueryCache::watch_sql("public", "t")).await.unwrap();
    assert_eq!(there().await, 1);
}

#[tokio::test]
async fn a_lock_that_is_not_had_changes_nothing() {
    let (server, beside, _pool, cache) = start().await;
    let holder = outside(&server).await;
    holder.batch_execute("BEGIN; UPDATE t SET n = 1").await.unwrap();
    let error = cache.watch(&["t"]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "55P03");
    holder.batch_execute("COMMIT").await.unwrap();
    let there = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal";
    assert_eq!(beside.query_one(there, &[]).await.unwrap().get::<_, i64>(0), 0);
    cache.watch(&["t"]).await.unwrap();
    held(&cache).await;
}

#[tokio::test]
async fn a_cache_that_is_dropped_leaves_no_session() {
    let (_server, beside, pool, cache) = start().await;
    cache.watch(&["t"]).await.unwrap();
    held(&cache).await;
    let listeners = async || beside.query(LISTENERS, &[]).await.unwrap().len();
    assert_eq!(listeners().await, 1);
    drop(cache);
    eventually("the session is gone", async || {
        let left = listeners().await;
        (left == 0, left)
    })
    .await;
    // So does one whose pool is closed.
    let cache = listening(&pool);
    held(&cache).await;
    pool.close();
    eventually("the session is gone", async || {
        let left = listeners().await;
        (left == 0, left)
    })
    .await;
    assert_eq!(cache.query("SELECT 2", NOTHING).await.unwrap_err().kind(), ErrorKind::Closed);
}
