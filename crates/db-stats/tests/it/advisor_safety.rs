//! The advisor leaves no trace, waits for nobody, and says what it may not see.
#![cfg(feature = "advisor")]

use crate::common::{eventually, others, outside, single};
use perfect21_db_stats::{
    ErrorKind,
    advisor::{Advisor, Report, Thresholds},
};
use perfect21_test_support::postgres::Postgres;
use std::{
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};
use tokio_postgres::{Client, NoTls};

const TABLES: &str = "CREATE TABLE big (id int PRIMARY KEY, a int, b text);
    INSERT INTO big SELECT n, n, 'x' FROM generate_series(1, 20000) n;
    CREATE INDEX ON big (b); CREATE INDEX ON big (b, id); ANALYZE big;
    CREATE EXTENSION pg_stat_statements";

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn keys(report: &Report) -> Vec<&str> {
    report.advice().iter().map(|advice| advice.key.as_str()).collect()
}

fn advisor() -> Advisor {
    let mut thresholds = Thresholds::default();
    thresholds.min_rows = 1000;
    Advisor::builder().thresholds(thresholds).build().unwrap()
}

/// All settings of the session, its prepared statements, the state of the catalog.
async fn state(client: &Client) -> Vec<String> {
    let look = "SELECT name || '=' || setting FROM pg_settings WHERE name <> 'transaction_read_only'
        UNION ALL SELECT 'prepared ' || name FROM pg_prepared_statements WHERE NOT from_sql IS FALSE
        UNION ALL SELECT oid::text || relname || relfilenode || relpages || xmin FROM pg_class
        UNION ALL SELECT 'lock ' || mode FROM pg_locks WHERE relation = 'big'::regclass
        UNION ALL SELECT 'path ' || coalesce(nullif(current_setting('perfect21.path', true), ''), 'none')
        ORDER BY 1";
    client.query(look, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn nothing_is_changed_neither_on_the_server_nor_in_the_session() {
    let server = Postgres::start_with(&[("autovacuum", "off")]).unwrap();
    let client = outside(&server).await;
    client.batch_execute(TABLES).await.unwrap();
    client
        .batch_execute("SET search_path = public, pg_catalog; SET statement_timeout = '77s'")
        .await
        .unwrap();
    for _ in 0..100 {
        client.query("SELECT * FROM big WHERE a = $1", &[&7]).await.unwrap();
    }
    let before = state(&client).await;
    let calls = "SELECT sum(calls)::int8 FROM pg_stat_statements WHERE query LIKE '%big WHERE a%'";
    let counted: i64 = client.query_one(calls, &[]).await.unwrap().get(0);
    let report = advisor().run(&client).await.unwrap();
    assert!(keys(&report).contains(&"missing_index:public.big(a)"), "indexes were tried: {report}");
    assert_eq!(state(&client).await, before);
    let now: i64 = client.query_one(calls, &[]).await.unwrap().get(0);
    assert!(now >= counted, "counters are not reset: {now} < {counted}");
}

#[tokio::test]
async fn a_plain_role_gets_findings_and_no_texts_of_others() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    client.batch_execute(TABLES).await.unwrap();
    client.query("SELECT a FROM big WHERE b = 'secret'", &[]).await.unwrap();
    client
        .batch_execute("CREATE ROLE \"Pla\"\"in\" LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC")
        .await
        .unwrap();
    let url = server.url().replace("postgres@", "Pla%22in@");
    let plain = connect(&url).await;
    let report = advisor().run(&plain).await.unwrap();
    let missing = report.advice().iter().find(|advice| advice.check == "missing_rights").unwrap();
    assert_eq!(missing.fix, ["GRANT pg_monitor TO \"Pla\"\"in\""]);
    assert!(keys(&report).contains(&"not_read:statements"), "{report}");
    assert!(keys(&report).contains(&"duplicate_index:public.big_b_idx"), "the catalog is for all: {report}");
    assert!(!report.to_string().contains("secret"));

    client.batch_execute(&missing.fix[0]).await.unwrap();
    client.batch_execute("GRANT USAGE ON SCHEMA public TO \"Pla\"\"in\"").await.unwrap();
    let report = advisor().run(&plain).await.unwrap();
    assert!(
        !report.advice().iter().any(|advice| ["missing_rights", "not_read"].contains(&advice.check)),
        "{report}"
    );
    client.batch_execute(&missing.undo[0]).await.unwrap();
    let report = advisor().run(&plain).await.unwrap();
    assert!(keys(&report).contains(&"missing_rights:pg_monitor"), "{report}");
}

#[tokio::test]
async fn missing_extensions_are_said_with_the_way_to_add_them() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    let report = advisor().run(&client).await.unwrap();
    let missing = report.advice().iter().find(|a| a.key == "missing_extension:pg_stat_statements").unwrap();
    assert_eq!(missing.fix, ["CREATE EXTENSION pg_stat_statements"]);
    client.batch_execute(&missing.fix[0]).await.unwrap();
    let report = advisor().run(&client).await.unwrap();
    assert!(!keys(&report).contains(&"missing_extension:pg_stat_statements"), "{report}");

    let bare = Postgres::start_with(&[("shared_preload_libraries", "")]).unwrap();
    let client = outside(&bare).await;
    let report = advisor().run(&client).await.unwrap();
    let missing = report.advice().iter().find(|a| a.key == "missing_extension:pg_stat_statements").unwrap();
    let [preload, create] = missing.fix.as_slice() else { panic!("{missing:?}") };
    client.batch_execute(preload).await.unwrap();
    bare.restart().unwrap();
    let client = outside(&bare).await;
    client.batch_execute(create).await.unwrap();
    let report = advisor().run(&client).await.unwrap();
    assert!(!keys(&report).contains(&"missing_extension:pg_stat_statements"), "{report}");
}

#[tokio::test]
async fn a_locked_table_costs_the_lock_timeout_and_not_the_rest() {
    let server = Postgres::start_with(&[("autovacuum", "off")]).unwrap();
    let client = outside(&server).await;
    client.batch_execute(TABLES).await.unwrap();
    for nth in 0..20 {
        client.query(&format!("SELECT a FROM big WHERE a = $1 -- {nth}"), &[&7]).await.unwrap();
        client.query("SELECT b FROM big WHERE a = $1", &[&7]).await.unwrap();
    }
    let beside = outside(&server).await;
    beside.batch_execute("BEGIN; LOCK TABLE big IN ACCESS EXCLUSIVE MODE").await.unwrap();
    // With only the other limit it would wait a minute.
    let patient = Advisor::builder().statement_timeout(Duration::from_secs(60)).build().unwrap();
    let began = Instant::now();
    let report = patient.run(&client).await.unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "it waited: {took:?}");
    let duplicate = report.advice().iter().find(|a| a.key == "duplicate_index:public.big_b_idx").unwrap();
    assert_eq!(duplicate.undo, Vec::<String>::new(), "its text needs a lock");
    beside.batch_execute("ROLLBACK").await.unwrap();
    let report = advisor().run(&client).await.unwrap();
    let duplicate = report.advice().iter().find(|a| a.key == "duplicate_index:public.big_b_idx").unwrap();
    assert_eq!(duplicate.undo.len(), 1);
}

#[tokio::test]
async fn a_transaction_of_the_callers_is_left_alone() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    client.batch_execute("CREATE TABLE t (a int); BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    let error = advisor().run(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InTransaction);
    client.batch_execute("COMMIT").await.unwrap();
    let rows: i64 = client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0);
    assert_eq!(rows, 1);
    client.batch_execute("BEGIN").await.unwrap();
    client.batch_execute("SELECT nonsense").await.unwrap_err();
    let error = advisor().run(&client).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "25P02");
}

/// Polls it so many times, whenever an answer has come, and drops it while it waits for the next one.
async fn polled<F: Future>(future: F, times: usize) {
    let mut future = pin!(future);
    let mut polls = 0;
    std::future::poll_fn(|cx| {
        polls += 1;
        let is_over = future.as_mut().poll(cx).is_ready() || polls >= times;
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn a_dropped_future_leaves_no_transaction_at_whatever_point() {
    let server = Postgres::start_with(&[("autovacuum", "off")]).unwrap();
    let beside = outside(&server).await;
    beside.batch_execute(TABLES).await.unwrap();
    let hypopg = beside.batch_execute("CREATE EXTENSION hypopg").await.is_ok();
    if !hypopg {
        eprintln!("NOT RUN with hypopg, which this server has not (package postgresql-NN-hypopg)");
    }
    for _ in 0..100 {
        beside.query("SELECT * FROM big WHERE a = $1", &[&7]).await.unwrap();
    }
    let pool = single(&server);
    let bare = outside(&server).await;
    let pid: i32 = bare.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    if hypopg {
        // Its library brings settings into the session that calls it first.
        bare.query("SELECT FROM hypopg()", &[]).await.unwrap();
    }
    let before = state(&bare).await;
    for times in (1..110).step_by(4) {
        // A client that nobody cleans.
        polled(advisor().run(&bare), times).await;
        let after = state(&bare).await;
        let news: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        assert_eq!((news, after.len()), (Vec::new(), before.len()), "after {times} polls");
        if hypopg {
            let left = bare.query("SELECT FROM hypopg()", &[]).await.unwrap().len();
            assert_eq!(left, 0, "hypothetical indexes after {times} polls");
        }
        // The state from outside: idle, and not within a transaction.
        let look = "SELECT state FROM pg_stat_activity WHERE pid = $1";
        eventually("it is idle", async || {
            let state: String = beside.query_one(look, &[&pid]).await.unwrap().get(0);
            (state == "idle", state)
        })
        .await;
        // One of our pool.
        let mut connection = pool.get().await.unwrap();
        polled(advisor().run(connection.client().await.unwrap()), times).await;
        drop(connection);
        let rows = pool.get().await.unwrap().query("SELECT 7", &[]).await.unwrap();
        assert_eq!(rows[0].get::<_, i32>(0), 7);
    }
    drop(pool);
    let (_, busy) = others(&beside).await;
    assert_eq!(busy, Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_goes_away_is_an_error() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    server.kill().unwrap();
    let error = advisor().run(&client).await.unwrap_err();
    assert!([ErrorKind::Statement, ErrorKind::Lost].contains(&error.kind()), "{error:?}");
}
