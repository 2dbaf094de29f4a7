//! Values of parameters where they are asked for, and plans of what was slow.

use crate::common::{outside, pool};
use perfect21_db_stats::{ErrorKind, Order, Pool, Reset, SlowLog, SlowPlans};
use perfect21_test_support::{postgres::Postgres, wait::DEADLINE};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::mpsc;

const NOW: Duration = Duration::from_nanos(1);

async fn start() -> (Postgres, Pool) {
    let server = Postgres::start().unwrap();
    let table = "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, 2000) i; ANALYZE t";
    outside(&server).await.batch_execute(table).await.unwrap();
    let pool = pool(&server).build().unwrap();
    (server, pool)
}

#[tokio::test]
async fn values_are_logged_only_where_that_was_asked_for() {
    let (_server, pool) = start().await;
    let logged: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    for asked in [false, true] {
        let into = Arc::clone(&logged);
        let log = SlowLog::builder()
            .threshold(NOW)
            .per_second(1000)
            .parameters(asked)
            .on_slow(move |slow| into.lock().unwrap().push(slow.parameters.map(str::to_owned)))
            .build()
            .unwrap();
        pool.statements().set_slow_log(log);
        let mut connection = pool.get().await.unwrap();
        connection.query("SELECT * FROM t WHERE id = $1 AND name <> $2", &[&7, &"secret"]).await.unwrap();
        connection.execute("SELECT 1 / $1::int", &[&0]).await.unwrap_err();
        connection
            .query_typed("SELECT $1", &[(&Some(5_i32), tokio_postgres::types::Type::INT4)])
            .await
            .unwrap();
        pool.statements().set_slow_log(None);
    }
    let expected = ["[7, \"secret\"]", "[0]", "[Some(5)]"].map(|values| Some(values.to_owned()));
    assert_eq!(*logged.lock().unwrap(), [vec![None; 3], expected.to_vec()].concat());
}

#[tokio::test]
async fn reading_the_answer_is_told_apart_from_waiting_for_it() {
    let (_server, pool) = start().await;
    let mut connection = pool.get().await.unwrap();
    // Late at first, then many rows.
    let sql = "SELECT i, repeat('x', 100) FROM generate_series(1, 50000) i, (SELECT pg_sleep(0.2)) s";
    assert_eq!(connection.query(sql, &[]).await.unwrap().len(), 50_000);
    let stats = pool.statements().slow_statements(Order::TotalTime, 1);
    let (server, decode) = (stats[0].server.sum(), stats[0].decode.sum());
    assert!(
        server >= Duration::from_millis(200) && decode > Duration::from_millis(1),
        "{server:?}, {decode:?}"
    );
}

#[tokio::test]
async fn a_plan_is_for_any_parameters_and_leaves_nothing() {
    let (_server, pool) = start().await;
    let plan = pool.explain("select name from t where id = $1").await.unwrap();
    assert!(plan.contains("Index Scan using t_pkey") && plan.contains("id = $1"), "{plan}");
    assert!(pool.explain("SELECT count(*) FROM t").await.unwrap().contains("Aggregate"));
    // Planned, not run.
    pool.explain("DELETE FROM t").await.unwrap();
    for (sql, code) in [
        ("SELECT 1; DELETE FROM t", "42601"),
        ("SELECT nonsense", "42703"),
        ("VACUUM t", "42601"),
        ("", "42601"),
    ] {
        let error = pool.explain(sql).await.unwrap_err();
        assert_eq!((error.kind(), error.code().unwrap().code()), (ErrorKind::Statement, code), "{sql}");
    }
    let mut connection = pool.get().await.unwrap();
    let left = "SELECT count(*) FROM pg_prepared_statements WHERE name = 'perfect21_explain'";
    assert_eq!(connection.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(connection.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get::<_, i64>(0), 2000);
    let mode = "SELECT current_setting('plan_cache_mode') || current_setting('statement_timeout')";
    assert_eq!(connection.query_one(mode, &[]).await.unwrap().get::<_, &str>(0), "auto30s");
    assert_eq!(pool.stats().discarded, 0);
}

#[tokio::test]
async fn a_plan_that_is_given_up_leaves_nothing_that_stands_in_the_way() {
    let server = Postgres::start().unwrap();
    for reset in [Reset::Dirty, Reset::Never] {
        let pool = pool(&server).max_size(1).wait_timeout(DEADLINE).reset(reset).build().unwrap();
        for step in 0..60 {
            let cut = Duration::from_micros(40 * step);
            let _ = tokio::time::timeout(cut, pool.explain("SELECT 1")).await;
            assert!(pool.explain("SELECT 2").await.is_ok(), "{reset:?}, cut after {cut:?}");
        }
        let left = "SELECT count(*) FROM pg_prepared_statements WHERE name = 'perfect21_explain'";
        let left: i64 = pool.get().await.unwrap().query_one(left, &[]).await.unwrap().get(0);
        assert_eq!(left, 0);
    }
}

#[tokio::test]
async fn what_was_slow_is_planned_once() {
    let (_server, pool) = start().await;
    let (sender, mut plans) = mpsc::unbounded_channel();
    let watching = SlowPlans::builder(pool.clone())
        .on_plan(move |slow| {
            let plan = slow.plan.as_ref().map(Clone::clone).map_err(ToString::to_string);
            sender.send((slow.sql.to_string(), plan)).unwrap();
        })
        .build()
        .unwrap();
    pool.statements().set_slow_log(SlowLog::builder().threshold(Duration::from_millis(50)).build().unwrap());
    let mut connection = pool.get().await.unwrap();
    for id in [7, 8, 9] {
        let sql = format!("SELECT pg_sleep(0.06), name FROM t WHERE id = {id}");
        connection.query(&sql, &[]).await.unwrap();
    }
    connection.query("SELECT pg_sleep(0.06), count(*) FROM t WHERE name <> $1", &[&"x"]).await.unwrap();
    let (sql, plan) = plans.recv().await.unwrap();
    assert_eq!(sql, "select pg_sleep($1), name from t where id = $2");
    assert!(plan.unwrap().contains("t_pkey"));
    // Another one, so the first was not planned again.
    let (sql, plan) = plans.recv().await.unwrap();
    assert_eq!(sql, "select pg_sleep($1), count(*) from t where name <> $2");
    assert!(plan.unwrap().contains("Seq Scan on t"));
    drop(watching);
    assert!(plans.recv().await.is_none(), "the task is gone");
}

#[tokio::test]
async fn nobody_to_tell_is_an_error() {
    let (_server, pool) = start().await;
    assert_eq!(SlowPlans::builder(pool).build().unwrap_err().setting(), "on_plan");
}
