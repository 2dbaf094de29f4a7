//! The server goes, comes back, refuses, or says nothing.

use crate::common::{eventually, others, outside, pool};
use perfect21_db_stats::{ErrorKind, Pool};
use perfect21_test_support::{postgres::Postgres, wait::DEADLINE};
use std::{
    collections::BTreeSet,
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

#[derive(Default)]
struct Tally {
    acknowledged: Mutex<BTreeSet<i64>>,
    errors: Mutex<Vec<String>>,
    next: AtomicU64,
    stop: AtomicBool,
    first_after: Mutex<Option<Instant>>,
    down: AtomicBool,
}

async fn writer(pool: Pool, tally: Arc<Tally>) {
    while !tally.stop.load(Ordering::Relaxed) {
        let id = tally.next.fetch_add(1, Ordering::Relaxed) as i64;
        let write = async { pool.get().await?.execute("INSERT INTO t VALUES ($1)", &[&id]).await };
        match write.await {
            Ok(_) => {
                tally.acknowledged.lock().unwrap().insert(id);
                if tally.down.load(Ordering::Acquire) {
                    tally.first_after.lock().unwrap().get_or_insert_with(Instant::now);
                }
            }
            Err(error) => {
                let cause = error.source().map(ToString::to_string);
                tally.errors.lock().unwrap().push(format!("{error}: {cause:?}"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_under_load_costs_the_statements_in_flight_and_no_acknowledged_row() {
    crash_under_load(Postgres::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postmaster_under_load_costs_the_statements_in_flight_and_no_acknowledged_row() {
    crash_under_load(Postgres::kill_hard).await;
}

async fn crash_under_load(kill: fn(&Postgres) -> Result<(), perfect21_test_support::Error>) {
    let server = Arc::new(Postgres::start().unwrap());
    outside(&server).await.batch_execute("CREATE TABLE t (id bigint PRIMARY KEY)").await.unwrap();
    let pool = pool(&server).max_size(8).wait_timeout(Duration::from_secs(25)).build().unwrap();
    let tally = Arc::new(Tally::default());
    let writers: Vec<_> = (0..16).map(|_| tokio::spawn(writer(pool.clone(), Arc::clone(&tally)))).collect();
    eventually("the writers are at work", async || {
        let rows = tally.acknowledged.lock().unwrap().len();
        (rows > 200, rows)
    })
    .await;
    let attempts = pool.stats().connects_failed;
    let begin = Instant::now();
    let blocking = Arc::clone(&server);
    let (killed, ready) = tokio::task::spawn_blocking(move || {
        kill(&blocking).unwrap();
        let killed = Instant::now();
        blocking.restart().unwrap();
        (killed, Instant::now())
    })
    .await
    .unwrap();
    tally.down.store(true, Ordering::Release);
    eventually("somebody is served again", async || {
        let first = *tally.first_after.lock().unwrap();
        (first.is_some(), first)
    })
    .await;
    let first = tally.first_after.lock().unwrap().unwrap();
    tally.stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }

    let errors = tally.errors.lock().unwrap().clone();
    let failed = pool.stats().connects_failed - attempts;
    eprintln!(
        "outage {:?}, first write {:?} after ready, {} errors, {failed} failed attempts",
        ready - killed,
        first.saturating_duration_since(ready),
        errors.len()
    );
    assert!(errors.len() <= 8, "one a connection at most: {errors:#?}");
    assert!(first.saturating_duration_since(ready) < Duration::from_secs(1));
    let bound = 20 + 40 * begin.elapsed().as_secs_f64().ceil() as u64;
    assert!(failed <= bound, "{failed} attempts, {bound} allowed");
    let rows = outside(&server).await.query("SELECT id FROM t", &[]).await.unwrap();
    let there: BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect();
    let lost: Vec<_> = tally.acknowledged.lock().unwrap().difference(&there).copied().collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let beside = outside(&server).await;
    eventually("every session is idle", async || {
        let seen = others(&beside).await;
        (seen.1.is_empty(), seen)
    })
    .await;
}

#[tokio::test]
async fn all_who_wait_are_served_once_the_server_is_there() {
    let server = Arc::new(Postgres::start().unwrap());
    let pool = pool(&server).max_size(10).wait_timeout(Duration::from_secs(25)).build().unwrap();
    server.kill().unwrap();
    let waiting: Vec<_> = (0..30)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.get().await?.query("SELECT 1", &[]).await.map(|_| ()) })
        })
        .collect();
    eventually("an attempt has failed", async || (pool.stats().connects_failed > 0, pool.stats())).await;
    let blocking = Arc::clone(&server);
    tokio::task::spawn_blocking(move || blocking.restart()).await.unwrap().unwrap();
    for task in waiting {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_told_with_its_name() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = silent.local_addr().unwrap();
    let held = tokio::spawn(async move {
        let mut streams = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            streams.push(stream);
        }
    });
    let config = format!("host=127.0.0.1 port={} user=app", addr.port()).parse().unwrap();
    let pool = Pool::builder(config)
        .connect_timeout(Duration::from_millis(50))
        .wait_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let error = pool.get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(error.source().unwrap().to_string(), format!("{addr} gave no answer within 50ms"));
    assert!(error.unreachable_for().unwrap() > Duration::ZERO);
    held.abort();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for_and_a_wrong_name_is_told_at_once() {
    let server = Postgres::start().unwrap();
    let pool = pool(&server).wait_timeout(Duration::from_mins(10)).build().unwrap();
    let mut wrong: tokio_postgres::Config = server.url().parse().unwrap();
    wrong.dbname("nowhere");
    pool.rotate(wrong).unwrap();
    for error in [pool.get().await.unwrap_err(), pool.get().await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert_eq!(error.code().unwrap().code(), "3D000");
        assert!(
            !error.to_string().contains(&error.source().unwrap().to_string()),
            "the cause is printed once"
        );
    }
    pool.rotate(server.url().parse().unwrap()).unwrap();
    assert_eq!(pool.get().await.unwrap().query("SELECT 1", &[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once() {
    let server = Postgres::start_with(&[("password_encryption", "scram-sha-256")]).unwrap();
    let beside = outside(&server).await;
    beside.batch_execute("CREATE ROLE app LOGIN PASSWORD 'right'").await.unwrap();
    // The first line decides.
    let file: String = beside.query_one("SHOW hba_file", &[]).await.unwrap().get(0);
    let old = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("host all app 127.0.0.1/32 scram-sha-256\n{old}")).unwrap();
    beside.query("SELECT pg_reload_conf()", &[]).await.unwrap();
    let config = |password: &str| -> tokio_postgres::Config {
        let mut config: tokio_postgres::Config = server.url().parse().unwrap();
        config.user("app").password(password);
        config
    };
    let build =
        |password| Pool::builder(config(password)).wait_timeout(Duration::from_mins(10)).build().unwrap();
    // The file is read when the server gets round to it.
    eventually("a wrong password is refused", async || match build("wrong").get().await {
        Ok(_) => (false, None),
        Err(error) => (true, Some((error.kind(), error.code().unwrap().code().to_owned()))),
    })
    .await;
    let pool = build("wrong");
    let error = pool.get().await.unwrap_err();
    assert_eq!((error.kind(), error.code().unwrap().code()), (ErrorKind::Unreachable, "28P01"));
    assert_eq!(pool.fill().await.map_err(|error| error.kind()), Ok(()), "there is no minimum");
    pool.rotate(config("right")).unwrap();
    pool.get().await.unwrap();
    let none = Pool::builder(
        format!("host=127.0.0.1 port={} user=app dbname=postgres", server.port()).parse().unwrap(),
    );
    let error = none.wait_timeout(Duration::from_mins(10)).build().unwrap().get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "no password at all");
}

#[tokio::test]
async fn too_many_connections_are_waited_for_and_those_that_come_back_serve_all() {
    let server =
        Postgres::start_with(&[("max_connections", "6"), ("superuser_reserved_connections", "0")]).unwrap();
    let beside = outside(&server).await;
    let pool = pool(&server).max_size(20).wait_timeout(Duration::from_secs(25)).build().unwrap();
    // The places of the server are not enough: 20 are let in by the pool, and five get a connection.
    let users: Vec<_> = (0..40)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut connection = pool.get().await?;
                connection.query("SELECT pg_sleep(0.01)", &[]).await.map(|_| ())
            })
        })
        .collect();
    for user in users {
        user.await.unwrap().unwrap();
    }
    assert!(pool.stats().size <= 5);
    assert_eq!(others(&beside).await.1, Vec::<String>::new());
    let held: Vec<_> = futures(&pool, 5).await;
    let short =
        Pool::builder(server.url().parse().unwrap()).wait_timeout(Duration::from_secs(1)).build().unwrap();
    let error = short.get().await.unwrap_err();
    assert_eq!((error.kind(), error.code().unwrap().code()), (ErrorKind::Unreachable, "53300"));
    drop(held);
}

async fn futures(pool: &Pool, count: usize) -> Vec<perfect21_db_stats::Connection> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(pool.get().await.unwrap());
    }
    held
}

#[tokio::test]
async fn a_process_that_is_stopped_costs_its_own_statement() {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    let pool = pool(&server)
        .max_size(2)
        .statement_timeout(Duration::from_millis(100))
        .wait_timeout(DEADLINE)
        .build()
        .unwrap();
    let mut connection = pool.get().await.unwrap();
    connection.query("SELECT 1", &[]).await.unwrap();
    let process = pool.holders()[0].process.unwrap();
    signal("STOP", process);
    // Not the server's time-out: it does nothing at all.
    let error = connection.query("SELECT 1", &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unanswered, "{error}");
    drop(connection);
    for _ in 0..3 {
        let mut next = pool.get().await.unwrap();
        next.query("SELECT 1", &[]).await.unwrap();
        assert_ne!(pool.holders()[0].process, Some(process), "never handed on");
    }
    signal("CONT", process);
    eventually("its session is gone", async || {
        let left = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1";
        let left: i64 = beside.query_one(left, &[&process]).await.unwrap().get(0);
        (left == 0, left)
    })
    .await;
}

/// To a process of the test's own server.
fn signal(name: &str, process: i32) {
    let done = std::process::Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
    assert!(done.success());
}
