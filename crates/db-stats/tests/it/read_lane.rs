//! Reads of many tasks over few connections.

use crate::common::{self, eventually, outside, pool};
use futures_util::future::join_all;
use perfect21_db_stats::{Error, ErrorKind, Pool, ReadLane};
use perfect21_test_support::wait::DEADLINE;
use perfect21_test_support::{
    fault::{Proxy, Way},
    postgres::Postgres,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_postgres::Client;

const SQL: &str = "SELECT $1::bigint * 2";
const TAGGED: &str = "SELECT pid FROM pg_stat_activity WHERE application_name = 'lane' ORDER BY 1";

fn lane(pool: &Pool, connections: usize) -> ReadLane {
    ReadLane::builder(pool.clone()).connections(connections).build().unwrap()
}

async fn start(connections: usize) -> (Postgres, Client, Pool, ReadLane) {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    let pool = pool(&server)
        .application_name("lane")
        .wait_timeout(DEADLINE)
        .statement_timeout(DEADLINE)
        .build()
        .unwrap();
    let lane = lane(&pool, connections);
    (server, beside, pool, lane)
}

async fn twice(lane: &ReadLane, n: i64) -> Result<i64, Error> {
    Ok(lane.query_one(SQL, &[&n]).await?.get(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_the_own_answer_over_so_many_connections() {
    let (_server, beside, pool, lane) = start(2).await;
    let tasks = (0..64_i64).map(|task| {
        let lane = lane.clone();
        tokio::spawn(async move {
            for n in 0..100 {
                let n = task * 1000 + n;
                if n % 7 == 0 {
                    // Let go at once, sent or not: the answers of others stay theirs.
                    let _ = tokio::time::timeout(Duration::ZERO, twice(&lane, n)).await;
                }
                assert_eq!(twice(&lane, n).await.unwrap(), 2 * n);
            }
        })
    });
    for done in join_all(tasks.collect::<Vec<_>>()).await {
        done.unwrap();
    }
    assert_eq!(beside.query(TAGGED, &[]).await.unwrap().len(), 2);
    assert_eq!(pool.stats().size, 0, "none of the pool's");
    let calls = pool.statements().slow_statements(perfect21_db_stats::Order::Calls, 1);
    assert!(calls[0].calls >= 6400, "{calls:?}");
    drop(lane);
    eventually("its connections are gone", async || {
        let left = beside.query(TAGGED, &[]).await.unwrap().len();
        (left == 0, left)
    })
    .await;
}

#[tokio::test]
async fn what_is_no_read_is_refused() {
    let (_server, beside, _pool, lane) = start(1).await;
    beside
        .batch_execute(
            "CREATE TABLE t (n bigint);
             CREATE FUNCTION write() RETURNS bigint LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING n'",
        )
        .await
        .unwrap();
    for sql in [
        "INSERT INTO t VALUES (1)",
        "WITH x AS (DELETE FROM t RETURNING n) SELECT * FROM x",
        "BEGIN",
        "SET work_mem = '1MB'",
        "SELECT set_config('work_mem', '1MB', false)",
        "SELECT pg_advisory_lock(1)",
        "LISTEN x",
        "CREATE TEMP TABLE u (n int)",
        "COPY t TO STDOUT",
        "EXPLAIN ANALYZE UPDATE t SET n = 1",
        "DISCARD ALL",
        "",
    ] {
        let error = lane.query(sql, &[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotShared, "{sql}: {error}");
    }
    for sql in ["SELECT write()", "SELECT n FROM t FOR UPDATE"] {
        assert_eq!(lane.query(sql, &[]).await.unwrap_err().code().unwrap().code(), "25006", "{sql}");
    }
    assert_eq!(lane.query("SELECT nonsense", &[]).await.unwrap_err().code().unwrap().code(), "42703");
    for sql in [
        "SELECT 1",
        " (values (1))",
        "/* why */ table t",
        "with x as (select 1) select * from x",
        "SHOW work_mem",
    ] {
        lane.query(sql, &[]).await.unwrap();
    }
    assert_eq!(lane.query_one("TABLE t", &[]).await.unwrap_err().kind(), ErrorKind::RowCount);
}

#[tokio::test]
async fn a_change_of_the_schema_heals() {
    let (_server, beside, _pool, lane) = start(1).await;
    beside.batch_execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('1')").await.unwrap();
    assert_eq!(lane.query("SELECT * FROM t", &[]).await.unwrap()[0].len(), 1);
    assert_eq!(lane.query("SELECT a FROM t WHERE a = $1", &[&"1"]).await.unwrap().len(), 1);
    beside.batch_execute("ALTER TABLE t ALTER a TYPE bigint USING a::bigint, ADD b int").await.unwrap();
    assert_eq!(lane.query("SELECT * FROM t", &[]).await.unwrap()[0].len(), 2);
    assert_eq!(lane.query("SELECT a FROM t WHERE a = $1", &[&1_i64]).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_costs_nobody_an_error() {
    let (_server, beside, _pool, lane) = start(2).await;
    twice(&lane, 1).await.unwrap();
    let (rounds, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let asking = {
        let (lane, rounds, stop) = (lane.clone(), Arc::clone(&rounds), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut round = 0_i64;
            while !stop.load(Ordering::Relaxed) {
                let many = (0..16).map(|n| twice(&lane, round * 16 + n));
                for (n, answer) in join_all(many).await.into_iter().enumerate() {
                    assert_eq!(answer.unwrap(), 2 * (round * 16 + n as i64));
                }
                round += 1;
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let mut killed = 0;
    while killed < 20 && !asking.is_finished() {
        let kill = "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE application_name = 'lane' LIMIT 1) s";
        killed += beside.query(kill, &[]).await.unwrap().len();
        // Those that were asked before the next one dies are answered first.
        let next = rounds.load(Ordering::Relaxed) + 2;
        while rounds.load(Ordering::Relaxed) < next && !asking.is_finished() {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    asking.await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    let (server, _beside, pool, lane) = start(2).await;
    twice(&lane, 1).await.unwrap();
    server.kill().unwrap();
    let waiting = {
        let lane = lane.clone();
        tokio::spawn(async move { twice(&lane, 21).await })
    };
    server.restart().unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), 42);

    server.kill().unwrap();
    let short = common::pool(&server).wait_timeout(Duration::from_secs(1)).build().unwrap();
    let error = twice(&self::lane(&short, 1), 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(std::error::Error::source(&error).is_some());
    let nobody =
        Pool::builder(server.url().replace("postgres@", "nobody@").parse().unwrap()).build().unwrap();
    server.restart().unwrap();
    let error = twice(&self::lane(&nobody, 1), 1).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "28000");

    // The second connection's session may have been lost without anybody's notice.
    for n in 0..4 {
        assert_eq!(twice(&lane, n).await.unwrap(), 2 * n);
    }
    pool.pause();
    let paused = {
        let lane = lane.clone();
        tokio::spawn(async move { twice(&lane, 4).await })
    };
    tokio::task::yield_now().await;
    pool.resume();
    assert_eq!(paused.await.unwrap().unwrap(), 8);
    pool.close();
    assert_eq!(twice(&lane, 1).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let server = Postgres::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let config = format!("postgres://postgres@{}/postgres", proxy.addr());
    let pool = Pool::builder(config.parse().unwrap())
        .statement_timeout(Duration::from_millis(100))
        .connect_timeout(Duration::from_secs(1))
        .wait_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let lane = lane(&pool, 1);
    twice(&lane, 1).await.unwrap();
    // The server's own time-out comes first where it can.
    assert_eq!(lane.query("SELECT pg_sleep(60)", &[]).await.unwrap_err().code().unwrap().code(), "57014");
    proxy.black_hole(Way::Both);
    let begin = Instant::now();
    let error = twice(&lane, 2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    proxy.pass();
    proxy.cut();
    eventually("it is whole again", async || {
        let answer = twice(&lane, 3).await;
        (answer.is_ok(), answer.map_err(|error| error.to_string()))
    })
    .await;
}

#[tokio::test]
async fn statements_kept_are_bounded_and_settings_are_checked() {
    let server = Postgres::start().unwrap();
    let bounded = pool(&server).max_prepared(5).build().unwrap();
    let lane = lane(&bounded, 1);
    for n in 0..50 {
        lane.query(&format!("SELECT {n}"), &[]).await.unwrap();
    }
    let left: i64 = lane.query_one("SELECT count(*) FROM pg_prepared_statements", &[]).await.unwrap().get(0);
    assert!(left <= 6, "{left}");
    for connections in [0, 65] {
        let error = ReadLane::builder(bounded.clone()).connections(connections).build().unwrap_err();
        assert_eq!(error.setting(), "connections");
    }
    let pooler = pool(&server).behind_transaction_pooler(true).build().unwrap();
    assert_eq!(ReadLane::builder(pooler).build().unwrap_err().setting(), "pool");
}
