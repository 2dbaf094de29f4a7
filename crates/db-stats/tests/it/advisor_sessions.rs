//! Who blocks whom, who is idle within a transaction, and what got slower.
#![cfg(feature = "advisor")]

use crate::common::{eventually, outside};
use perfect21_core::{Curve, Finding, Inspect, Sections, Table};
use perfect21_db_stats::{
    Fingerprint,
    advisor::{Advisor, Report, Thresholds},
};
use perfect21_test_support::postgres::Postgres;
use std::time::Duration;
use tokio_postgres::Client;

fn advisor() -> Advisor {
    let mut thresholds = Thresholds::default();
    thresholds.long_transaction = Duration::ZERO;
    thresholds.idle_in_transaction = Duration::ZERO;
    Advisor::builder().thresholds(thresholds).build().unwrap()
}

async fn named(server: &Postgres, name: &str) -> Client {
    let client = outside(server).await;
    client.batch_execute(&format!("SET application_name = '{name}'")).await.unwrap();
    client
}

async fn waits(beside: &Client, name: &'static str) {
    let look =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'";
    eventually("it waits", async || {
        let waiting: i64 = beside.query_one(look, &[&name]).await.unwrap().get(0);
        (waiting == 1, waiting)
    })
    .await;
}

fn evidence<'r>(report: &'r Report, key: &str) -> &'r str {
    let found = report.advice().iter().find(|advice| advice.key == key);
    &found.unwrap_or_else(|| panic!("{key} in {report}")).evidence
}

#[tokio::test]
async fn the_root_of_a_queue_is_named_and_ending_it_ends_the_queue() {
    let server = Postgres::start_with(&[("max_prepared_transactions", "5")]).unwrap();
    let client = outside(&server).await;
    client
        .batch_execute("CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 0), (2, 0)")
        .await
        .unwrap();
    let root = named(&server, "root").await;
    root.batch_execute("BEGIN; UPDATE t SET a = 4711 WHERE id = 1").await.unwrap();
    let middle = named(&server, "middle").await;
    middle.batch_execute("BEGIN; UPDATE t SET a = 2 WHERE id = 2").await.unwrap();
    let middle = tokio::spawn(async move { middle.batch_execute("UPDATE t SET a = 2 WHERE id = 1").await });
    waits(&client, "middle").await;
    let last = named(&server, "last").await;
    let last = tokio::spawn(async move { last.batch_execute("UPDATE t SET a = 3 WHERE id = 2").await });
    waits(&client, "last").await;
    let gone = outside(&server).await;
    gone.batch_execute("BEGIN; INSERT INTO t VALUES (3, 0); PREPARE TRANSACTION 'it''s'").await.unwrap();

    let report = advisor().run(&client).await.unwrap();
    let tree: Vec<&str> = evidence(&report, "blocked:postgres/root").lines().collect();
    assert_eq!(tree.len(), 4, "{tree:?}");
    assert!(tree[0].starts_with("2 wait, the longest for "), "{tree:?}");
    assert!(
        tree[1].contains("root, idle in transaction: begin; update t set a = $1 where id = $2"),
        "{tree:?}"
    );
    assert!(tree[2].starts_with("  process ") && tree[2].contains("middle, active: "), "{tree:?}");
    assert!(tree[3].starts_with("    process ") && tree[3].contains("last, active: "), "{tree:?}");
    assert!(!report.to_string().contains("4711"), "constants stay on the server");
    assert!(evidence(&report, "idle_in_transaction:postgres/root").starts_with("1 session,"));
    assert!(evidence(&report, "long_transaction:postgres/root").starts_with("1 transaction,"));
    assert!(
        evidence(&report, "prepared_transaction:\"it's\"").contains("of postgres in the database postgres")
    );

    let blocked = report.advice().iter().find(|advice| advice.check == "blocked").unwrap();
    client.batch_execute(&blocked.fix[0]).await.unwrap();
    middle.await.unwrap().unwrap();
    last.await.unwrap().unwrap();
    let prepared = report.advice().iter().find(|advice| advice.check == "prepared_transaction").unwrap();
    client.batch_execute(&prepared.fix[0]).await.unwrap();
    let quiet = advisor().run(&client).await.unwrap();
    assert!(
        !quiet.advice().iter().any(|a| ["blocked", "prepared_transaction"].contains(&a.check)),
        "{quiet}"
    );
}

#[derive(Default)]
struct Seen(Vec<Table>, Vec<Finding>);

impl Sections for Seen {
    fn table(&mut self, table: Table) {
        self.0.push(table);
    }
    fn curve(&mut self, _: Curve) {}
    fn finding(&mut self, finding: Finding) {
        self.1.push(finding);
    }
}

#[tokio::test]
async fn a_statement_that_gets_slower_is_found_between_two_looks() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    client.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
    let sleep = |seconds: &str| format!("SELECT pg_sleep({seconds}) AS nap");
    for _ in 0..20 {
        client.simple_query(&sleep("0.002")).await.unwrap();
    }
    let advisor = Advisor::builder().silence("missing_extension").build().unwrap();
    let earlier = advisor.run(&client).await.unwrap();
    for _ in 0..10 {
        client.simple_query(&sleep("0.04")).await.unwrap();
    }
    let later = advisor.run(&client).await.unwrap();
    let key = format!("statement_regression:{}", Fingerprint::of(&sleep("1")));
    let compared = advisor.compare(&earlier, &later);
    let regression = evidence(&compared, &key);
    assert!(
        regression.contains("in 10 calls since the last look") && regression.contains(" in 20 before: "),
        "{regression}"
    );
    let same = advisor.compare(&later, &later);
    assert!(!same.advice().iter().any(|advice| advice.key == key), "{same}");
    assert!(!same.advice().iter().any(|advice| advice.check == "missing_extension"), "silenced: {same}");

    let mut seen = Seen::default();
    compared.inspect(&mut seen);
    assert_eq!(seen.0[0].key, "statements_by_time");
    assert!(seen.0[0].age > Duration::ZERO && seen.0[0].rows.len() > 1);
    assert!(seen.1.iter().any(|finding| finding.key == key), "{:?}", seen.1);
    let page = compared.to_html();
    assert!(page.contains(&key) && page.contains("<svg") && !page.contains("<script"), "{page}");
}

#[tokio::test]
async fn connections_count_against_those_that_are_not_reserved() {
    let server = Postgres::start_with(&[("max_connections", "13")]).unwrap();
    let client = outside(&server).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(outside(&server).await);
    }
    let report = advisor().run(&client).await.unwrap();
    assert!(
        evidence(&report, "connections:max_connections").starts_with("9 of 10 connections are used"),
        "{report}"
    );
    drop(held);
    let look = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    eventually("they are gone", async || {
        let open: i64 = client.query_one(look, &[]).await.unwrap().get(0);
        (open == 1, open)
    })
    .await;
    let report = advisor().run(&client).await.unwrap();
    assert!(!report.advice().iter().any(|advice| advice.check == "connections"), "{report}");
}

#[tokio::test]
async fn an_index_under_construction_is_not_invalid_yet() {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    client
        .batch_execute("CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 0)")
        .await
        .unwrap();
    let writer = outside(&server).await;
    writer.batch_execute("BEGIN; UPDATE t SET a = 1").await.unwrap();
    let builder = named(&server, "builder").await;
    let cancel = builder.cancel_token();
    let built =
        tokio::spawn(async move { builder.batch_execute("CREATE INDEX CONCURRENTLY t_a ON t (a)").await });
    waits(&client, "builder").await;
    let report = advisor().run(&client).await.unwrap();
    assert!(!report.advice().iter().any(|advice| advice.check == "invalid_index"), "{report}");
    cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    built.await.unwrap().unwrap_err();
    writer.batch_execute("ROLLBACK").await.unwrap();
    let report = advisor().run(&client).await.unwrap();
    assert!(report.advice().iter().any(|advice| advice.key == "invalid_index:public.t_a"), "{report}");
}
