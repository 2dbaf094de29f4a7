//! What the client counted itself stands beside what the server did, for the same statements only.
#![cfg(feature = "advisor")]

use crate::common::{outside, single};
use perfect21_db_stats::{
    Fingerprint, Statements,
    advisor::{Advisor, Report, Thresholds},
};
use perfect21_test_support::postgres::Postgres;
use std::time::Duration;
use tokio_postgres::Client;

const CALLS: usize = 10;

fn advisor(statements: Option<Statements>) -> Advisor {
    let mut thresholds = Thresholds::default();
    thresholds.slow_share = 0.0;
    thresholds.slow_mean = Duration::from_millis(5);
    let builder = Advisor::builder().thresholds(thresholds);
    statements
        .into_iter()
        .fold(builder, |builder, statements| builder.statements(statements))
        .build()
        .unwrap()
}

async fn server() -> (Postgres, Client) {
    let server = Postgres::start().unwrap();
    let client = outside(&server).await;
    client.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
    client.batch_execute("SELECT pg_stat_statements_reset()").await.unwrap();
    (server, client)
}

async fn timed(client: &Client, statements: &Statements, sql: &str) {
    let timer = statements.start(sql);
    timer.end(Ok(client.query(sql, &[]).await.unwrap().len() as u64));
}

fn evidence(report: &Report, sql: &str) -> String {
    let key = format!("slow_statement:{}", Fingerprint::of(sql));
    let found = report.advice().iter().find(|advice| advice.key == key);
    found.unwrap_or_else(|| panic!("{sql} is slow: {report}")).evidence.clone()
}

/// The client's own p99 in milliseconds, and of how many calls.
fn p99(evidence: &str) -> Option<(f64, usize)> {
    let (_, rest) = evidence.split_once("p99 of this client's own ")?;
    let (p99, rest) = rest.split_once(" ms in ").unwrap();
    Some((p99.parse().unwrap(), rest.split_once(" calls").unwrap().0.parse().unwrap()))
}

#[tokio::test]
async fn a_plain_client_that_times_its_calls_sees_their_p99() {
    let (_server, client) = server().await;
    let statements = Statements::new(100);
    // The server holds each length of a list for another statement, and so do not people.
    for n in 1..CALLS {
        let list = vec!["1"; n].join(", ");
        timed(&client, &statements, &format!("select pg_sleep(0.01) where 1 in ({list}) -- {n}")).await;
    }
    timed(&client, &statements, "SELECT pg_sleep(0.25) WHERE 1 IN (1)").await;
    for _ in 0..CALLS {
        client.query("SELECT pg_sleep(0.01), 'nobody times it'", &[]).await.unwrap();
        timed(&client, &statements, "SELECT pg_sleep(0.01), true").await;
    }

    let report = advisor(Some(statements)).run(&client).await.unwrap();
    let (millis, calls) = p99(&evidence(&report, "SELECT pg_sleep(1) WHERE 1 IN (1)")).unwrap();
    assert_eq!(calls, CALLS, "{report}");
    // The longest is the p99 of so few; a histogram knows it within 4 %.
    assert!((240.0..5000.0).contains(&millis), "{millis}");
    let text = report.to_string();
    assert!(text.contains("p99 of this client's own"), "{text}");
    assert!(report.to_html().contains("p99 of this client"), "the page, too");
    assert_eq!(p99(&evidence(&report, "SELECT pg_sleep(0), ''")), None, "it is the client's own");
    // The server makes a parameter of what is none of ours.
    assert_eq!(p99(&evidence(&report, "SELECT pg_sleep($1), $2")), None);

    let report = advisor(None).run(&client).await.unwrap();
    assert_eq!(p99(&evidence(&report, "SELECT pg_sleep(1) WHERE 1 IN (1)")), None);
}

#[tokio::test]
async fn a_pool_has_counted_already() {
    let (server, client) = server().await;
    let pool = single(&server);
    let mut connection = pool.get().await.unwrap();
    for _ in 0..CALLS {
        connection.query("SELECT pg_sleep($1)", &[&0.02_f64]).await.unwrap();
    }
    let report = advisor(Some(pool.statements().clone())).run(&client).await.unwrap();
    let (millis, calls) = p99(&evidence(&report, "SELECT pg_sleep(1)")).unwrap();
    assert_eq!(calls, CALLS);
    assert!(millis >= 19.0, "{millis}");
}
