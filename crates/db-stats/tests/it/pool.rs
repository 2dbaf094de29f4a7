//! The pool against a real server: bounds, lost futures, outages.

use crate::common::{self, eventually, pool};
use perfect21_db_stats::{ErrorKind, Order, Pool};
use perfect21_test_support::postgres::Postgres;
use std::{error::Error, time::Duration};

#[tokio::test]
async fn a_dropped_statement_is_cancelled_and_its_connection_never_handed_on() {
    let server = Postgres::start().unwrap();
    let pool = pool(&server).max_size(1).build().unwrap();
    let mut connection = pool.get().await.unwrap();
    let slow = connection.query("SELECT pg_sleep(600)", &[]);
    assert!(tokio::time::timeout(Duration::from_millis(100), slow).await.is_err());
    drop(connection);

    // The only place is free at once, and its connection answers.
    let rows = pool.get().await.unwrap().query("SELECT 7", &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, i32>(0), 7);
    eventually("the server ends the statement", async || {
        let running =
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND state = 'active'
                       AND pid <> pg_backend_pid()";
        let rows = pool.get().await.unwrap().query(running, &[]).await.unwrap();
        let running: i64 = rows[0].get(0);
        (running == 0, running)
    })
    .await;
    let mut statements = pool.statements().slow_statements(Order::TotalTime, 100).into_iter();
    let slow = statements.find(|s| s.sql == "select pg_sleep($1)").unwrap();
    assert_eq!((slow.calls, slow.cancelled), (0, 1));
}

#[tokio::test]
async fn exhausted_unreachable_and_refused_are_told_apart() {
    let server = Postgres::start().unwrap();
    let pool = pool(&server).wait_timeout(Duration::from_secs(1)).build().unwrap();
    let both = [pool.get().await.unwrap(), pool.get().await.unwrap()];
    let error = pool.get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    let held = error.longest().unwrap();
    assert!(held.site.file().ends_with("it/pool.rs") && held.held >= Duration::from_secs(1), "{held}");
    assert_eq!(error.in_use(), Some(2));
    let text = error.to_string();
    let expected = "all 2 connections were in use for 1s, with 1 waiting; the longest one is held by ";
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(pool.stats().exhausted, 1);
    drop(both);

    let error = pool.get().await.unwrap().query("SELECT nonsense", &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Statement);
    assert_eq!(error.code().unwrap().code(), "42703");
    assert!(!error.to_string().contains(&error.source().unwrap().to_string()), "the cause is printed once");

    server.kill().unwrap();
    eventually("the loss is seen", async || match pool.get().await {
        Ok(mut connection) => (false, format!("{:?}", connection.query("SELECT 1", &[]).await.err())),
        Err(error) => (error.kind() == ErrorKind::Unreachable, error.to_string()),
    })
    .await;
    assert!(pool.stats().connects_failed > 0);

    server.restart().unwrap();
    let rows = pool.get().await.unwrap().query("SELECT 1", &[]).await.unwrap();
    assert_eq!(rows.len(), 1, "the pool works again");
}

#[tokio::test]
async fn fill_opens_min_idle_and_sessions_have_their_settings() {
    let server = Postgres::start().unwrap();
    let pool = pool(&server).min_idle(2).statement_timeout(Duration::from_secs(7)).build().unwrap();
    pool.fill().await.unwrap();
    let stats = pool.stats();
    assert_eq!((stats.size, stats.idle, stats.connects.count()), (2, 2, 2));
    let settings = "SELECT current_setting('jit'), current_setting('statement_timeout')";
    let rows = pool.get().await.unwrap().query(settings, &[]).await.unwrap();
    assert_eq!((rows[0].get(0), rows[0].get(1)), ("off", "7s"));

    let config = format!("{}?options=-c%20jit%3Don", server.url()).parse().unwrap();
    let pool = Pool::builder(config)
        .application_name("shop")
        .session_setting("my.text", "a b, \\c")
        .build()
        .unwrap();
    let settings =
        "SELECT current_setting('jit'), current_setting('application_name'), current_setting('my.text')";
    let rows = pool.get().await.unwrap().query(settings, &[]).await.unwrap();
    assert_eq!(
        (rows[0].get(0), rows[0].get(1), rows[0].get(2)),
        ("on", "shop", "a b, \\c"),
        "the user's own win"
    );
    let wrong =
        common::pool(&server).session_setting("no_such_setting", "1").wait_timeout(Duration::from_mins(10));
    let error = wrong.build().unwrap().get().await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42704", "told at once");
}

#[test]
fn settings_are_checked_where_it_is_built() {
    let builder = || Pool::builder("host=localhost".parse().unwrap());
    for (builder, message) in [
        (builder().max_size(0), "max_size = 0: must be at least 1"),
        (builder().max_prepared(0), "max_prepared = 0: must be at least 1"),
        (
            builder().size(100_000).overflow(1),
            "max_size = 100000: must with overflow = 1 not be above 100000",
        ),
        (builder().keep_alive(Duration::ZERO), "keep_alive = 0ns: must be at least 1 ms"),
        (
            builder().session_setting("a b", ""),
            "session_setting = a b: must be the name of a setting, as lock_timeout",
        ),
        (
            Pool::builder("host=a,b,c port=1,2".parse().unwrap()),
            "host = 3 named: must be given, with a port for each or one for all",
        ),
        (
            Pool::builder("host=a sslmode=require".parse().unwrap()),
            "sslmode = require: needs a configuration of TLS: tls(), by the feature rustls",
        ),
        (builder().max_statements(0), "max_statements = 0: must be at least 1"),
        (builder().min_idle(21), "min_idle = 21: must not be above max_size = 20"),
        (builder().wait_timeout(Duration::ZERO), "wait_timeout = 0ns: must be at least 1 ms"),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    }
}

#[test]
fn handles_cross_threads() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<Pool>();
    check::<perfect21_db_stats::Statements>();
}
