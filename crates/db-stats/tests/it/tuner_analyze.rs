//! Statistics made anew: of which tables, with which limits, and what is said of those that were not.
#![cfg(feature = "tuner")]

use crate::common::{eventually, outside};
use perfect21_db_stats::{
    ErrorKind,
    tuner::{Bytes, Outcome, Tables, Tuner, Workload},
};
use perfect21_test_support::postgres::Postgres;
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

async fn counted(client: &Client, table: &str, rows: i64) {
    eventually("the rows are counted", async || {
        let sql = "SELECT n_mod_since_analyze FROM pg_stat_user_tables WHERE relname = $1";
        let count: i64 = client.query_one(sql, &[&table]).await.unwrap().get(0);
        (count == rows, count)
    })
    .await;
}

async fn analyzed(client: &Client, table: &str) -> bool {
    let sql = "SELECT EXISTS (SELECT FROM pg_stats WHERE tablename = $1)";
    client.query_one(sql, &[&table]).await.unwrap().get(0)
}

#[tokio::test]
async fn stale_tables_are_analysed_one_by_one() {
    let server = Postgres::start_with(&[("autovacuum", "off"), ("statement_timeout", "30s")]).unwrap();
    let client = outside(&server).await;
    let odd = "Odd \"na.me; DROP TABLE fresh";
    let quoted = format!("\"{}\"", odd.replace('"', "\"\""));
    client
        .batch_execute(&format!(
            "CREATE TABLE {quoted} (a int); INSERT INTO {quoted} SELECT generate_series(1, 5000);
             CREATE TABLE fresh (a int); INSERT INTO fresh SELECT generate_series(1, 5000);
             CREATE TABLE few (a int); INSERT INTO few SELECT generate_series(1, 5000);
             CREATE TABLE own (a int) WITH (autovacuum_analyze_threshold = 1000000);
             INSERT INTO own SELECT generate_series(1, 5000); CREATE TABLE empty (a int)"
        ))
        .await
        .unwrap();
    // A session hands in what it counted a little later, and after an ANALYZE that would count as new.
    for table in [odd, "fresh", "few", "own"] {
        counted(&client, table, 5000).await;
    }
    client.batch_execute("ANALYZE fresh; ANALYZE few; ANALYZE own").await.unwrap();
    client.batch_execute("UPDATE few SET a = 1 WHERE a < 100; UPDATE own SET a = 1").await.unwrap();
    for (table, rows) in [("own", 5000), ("few", 99), ("fresh", 0)] {
        counted(&client, table, rows).await;
    }
    let tuner = Tuner::builder().build().unwrap();
    let mut heard = Vec::new();
    let done = tuner.analyze(&client, Tables::Stale, |one| heard.push(one.clone())).await.unwrap();
    assert_eq!(heard, done);
    let all: Vec<_> =
        done.iter().map(|one| (one.table.clone(), one.outcome.clone(), one.nth, one.of)).collect();
    assert_eq!(all, [(format!("\"public\".{quoted}"), Outcome::Done, 1, 1)]);
    assert!(analyzed(&client, odd).await);
    counted(&client, odd, 0).await;
    assert_eq!(tuner.analyze(&client, Tables::Stale, |_| ()).await.unwrap(), []);
    let named = ["empty", quoted.as_str(), "public.fresh"];
    let done = tuner.analyze(&client, Tables::Named(&named), |_| ()).await.unwrap();
    let tables: Vec<_> = done.iter().map(|one| one.table.as_str()).collect();
    assert_eq!(tables, ["\"public\".\"empty\"", &format!("\"public\".{quoted}"), "\"public\".\"fresh\""]);
    let error = tuner.analyze(&client, Tables::Named(&["fresh", "gone'"]), |_| ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoTable, "{error}");
    client.batch_execute("BEGIN").await.unwrap();
    let error = tuner.analyze(&client, Tables::Stale, |_| ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InTransaction);
}

#[tokio::test]
async fn a_lock_costs_its_limit_and_not_the_other_tables() {
    let server = Postgres::start_with(&[("autovacuum", "off")]).unwrap();
    let client = outside(&server).await;
    client
        .batch_execute(
            "CREATE TABLE locked AS SELECT generate_series(1, 1000) AS a;
             CREATE TABLE free AS SELECT generate_series(1, 1000) AS a;
             CREATE FUNCTION slow(a int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_sleep(0.001); RETURN a; END';
             CREATE TABLE slow AS SELECT generate_series(1, 1000) AS a; CREATE INDEX ON slow (slow(a))",
        )
        .await
        .unwrap();
    let beside = outside(&server).await;
    beside.batch_execute("BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE").await.unwrap();
    // The session's own limit is too short for the one, and its having none too long for the other.
    client.batch_execute("SET statement_timeout = '300ms'; SET lock_timeout = 0").await.unwrap();
    let tuner = Tuner::builder().lock_timeout(Duration::from_millis(100)).build().unwrap();
    let done = tuner.analyze(&client, Tables::Named(&["locked", "slow", "free"]), |_| ()).await.unwrap();
    let Outcome::Failed(why) = &done[0].outcome else { panic!("{done:?}") };
    assert!(why.contains("55P03"), "{why}");
    assert_eq!((&done[1].outcome, &done[2].outcome), (&Outcome::Done, &Outcome::Done), "{done:?}");
    assert!(done[1].took > Duration::from_millis(300), "the session's limit would have ended it: {done:?}");
    let short = Tuner::builder().analyze_timeout(Duration::from_millis(50)).build().unwrap();
    let done = short.analyze(&client, Tables::Named(&["slow"]), |_| ()).await.unwrap();
    assert!(matches!(&done[0].outcome, Outcome::Failed(why) if why.contains("57014")), "{done:?}");
    for (setting, expected) in [("statement_timeout", "300ms"), ("lock_timeout", "0")] {
        let now: String = client.query_one("SELECT current_setting($1)", &[&setting]).await.unwrap().get(0);
        assert_eq!(now, expected);
    }
}

#[tokio::test]
async fn rights_that_are_missing_are_said_where_the_server_only_warns() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    client
        .batch_execute("CREATE ROLE plain LOGIN; CREATE TABLE t (a int); GRANT SELECT ON t TO plain")
        .await
        .unwrap();
    let url = server.url().replace("postgres@", "plain@");
    let (plain, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let tuner = Tuner::builder().build().unwrap();
    let done = tuner.analyze(&plain, Tables::Named(&["t"]), |_| ()).await.unwrap();
    assert!(
        matches!(&done[0].outcome, Outcome::Denied(why) if why.contains("own \"public\".\"t\"")),
        "{done:?}"
    );
    client.batch_execute("ALTER TABLE t OWNER TO plain").await.unwrap();
    let done = tuner.analyze(&plain, Tables::Named(&["t"]), |_| ()).await.unwrap();
    assert_eq!(done[0].outcome, Outcome::Done);
}

#[tokio::test]
async fn temporary_files_and_requested_checkpoints_are_evidence() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    let tuner =
        Tuner::builder().memory(Bytes::gib(8)).cpus(2.0).room(Bytes::gib(100)).workload(Workload::Desktop);
    let tuner = tuner.connections(20).build().unwrap();
    let before = tuner.plan(&tuner.facts(&client).await.unwrap());
    for _ in 0..12 {
        let sort = "SET work_mem = '4MB'; SELECT count(*) FROM (SELECT a FROM generate_series(1, 500000) a ORDER BY -a) s;
            CHECKPOINT";
        client.batch_execute(sort).await.unwrap();
    }
    // A session says what it did when it is idle, or leaves.
    eventually("it is counted", async || {
        let load = tuner.facts(&client).await.unwrap().load;
        (load.temp_files >= Some(10) && load.checkpoints_requested >= Some(10), load)
    })
    .await;
    let facts = tuner.facts(&client).await.unwrap();
    let after = tuner.plan(&facts);
    let (before, now) = (before.proposal("work_mem").unwrap(), after.proposal("work_mem").unwrap());
    assert!(now.reason.contains("temporary files of"), "{after}");
    let bytes = |value: &Option<perfect21_db_stats::tuner::Value>| match value {
        Some(perfect21_db_stats::tuner::Value::Bytes(bytes)) => bytes.get(),
        other => panic!("{other:?}"),
    };
    assert!(bytes(&now.proposed) > bytes(&before.proposed) || bytes(&now.proposed) >= 15 << 20, "{after}");
    let wal = after.proposal("max_wal_size").unwrap();
    assert!(wal.reason.contains("checkpoints came before their time"), "{after}");
}
