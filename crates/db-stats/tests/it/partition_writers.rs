//! Maintenance under load: nobody waits for long, and each row is there once.
#![cfg(feature = "partition")]
#![allow(clippy::print_stdout, reason = "the figures of the run")]

use crate::partition_common::{self, builder, clock, connect, count, left_behind, set};
use perfect21_db_stats::partition::{Expired, Interval, Retention};
use perfect21_test_support::{postgres::Postgres, wait::DEADLINE};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

const DAY: u64 = 86_400;

/// Waits for a lock that lasted over 100 ms, as the server itself has logged them; the maintainer's own are bounded by
/// its lock time-out, which is shorter.
fn long_waits(server: &Postgres) -> Vec<String> {
    server.log().lines().filter(|line| line.contains("still waiting for")).map(str::to_owned).collect()
}

async fn server() -> Postgres {
    // The server tells who has waited for a lock when it looks for a deadlock.
    let server = Postgres::start_with(&[("log_lock_waits", "on"), ("deadlock_timeout", "100ms")]).unwrap();
    let [one, two] = [connect(&server).await, connect(&server).await];
    one.batch_execute("CREATE TABLE control ()").await.unwrap();
    one.batch_execute("BEGIN; LOCK TABLE control").await.unwrap();
    let waiting = two.batch_execute("SET lock_timeout = '2s'; SELECT FROM control");
    let (waited, ()) = tokio::join!(waiting, async {
        let seen = async || (long_waits(&server).len() == 1, ());
        let deadline = Instant::now() + DEADLINE;
        while !seen().await.0 {
            assert!(Instant::now() < deadline, "a long wait is not seen in the log");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        one.batch_execute("COMMIT").await.unwrap();
    });
    waited.unwrap();
    server
}

/// Four writers and a reader for as long as `work` takes; returns how many rows were acknowledged and the longest insert.
async fn under_load(server: &Postgres, work: impl Future<Output = ()>) -> (i64, Duration) {
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for writer in 0..4_i32 {
        let (client, stop) = (connect(server).await, Arc::clone(&stop));
        tasks.push(tokio::spawn(async move {
            let (mut rows, mut longest) = (0_i64, Duration::ZERO);
            // Over all days of the test, those that have no partition yet included.
            let sql = "INSERT INTO events (writer, n, at) VALUES ($1, $2, '2024-03-20 00:00+00'::timestamptz + $3 * interval '1 hour')";
            let insert = client.prepare(sql).await.unwrap();
            while !stop.load(Relaxed) {
                let began = Instant::now();
                client.execute(&insert, &[&writer, &rows, &((rows % (24 * 20)) as f64)]).await.unwrap();
                longest = longest.max(began.elapsed());
                rows += 1;
            }
            (rows, longest)
        }));
    }
    let (reader, stopped) = (connect(server).await, Arc::clone(&stop));
    let reads = tokio::spawn(async move {
        // An hour at a time, by the index: a reader that is never short would keep the maintainer off for ever.
        let sql = "SELECT count(*), count(DISTINCT (writer, n)) FROM events
            WHERE at = '2024-03-20 00:00+00'::timestamptz + $1 * interval '1 hour'";
        let read = reader.prepare(sql).await.unwrap();
        let mut hour = 0;
        while !stopped.load(Relaxed) {
            hour = (hour + 1) % (24 * 20);
            let row = reader.query_one(&read, &[&f64::from(hour)]).await.unwrap();
            assert_eq!(row.get::<_, i64>(0), row.get::<_, i64>(1), "no row is seen twice");
        }
    });
    work.await;
    stop.store(true, Relaxed);
    let (mut rows, mut longest) = (0, Duration::ZERO);
    for task in tasks {
        let (written, waited) = task.await.unwrap();
        (rows, longest) = (rows + written, longest.max(waited));
    }
    reads.await.unwrap();
    (rows, longest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_go_out_of_the_default_partition_under_writers() {
    let server = server().await;
    let client = connect(&server).await;
    client
        .batch_execute(
            "CREATE TABLE events (writer int, n bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at);
             CREATE INDEX ON events (at); CREATE TABLE rest PARTITION OF events DEFAULT;",
        )
        .await
        .unwrap();
    let clock = clock("2024-03-20T12:00:00Z");
    let builder =
        builder("events", &clock).interval(Interval::Day).zone("Europe/Berlin").premake(1).batch(200);
    let partitions = builder.lock_timeout(Duration::from_millis(40)).tries(1000).build().unwrap();
    let (rows, longest) = under_load(&server, async {
        // Rows of all days are coming in before.
        partition_common::until("rows of the last day", async || {
            count(&client, "SELECT count(*) FROM rest WHERE at > '2024-04-08 00:00+00'").await > 100
        })
        .await;
        let mut moved = 0;
        for _ in 0..12 {
            moved += partitions.maintain(&client).await.unwrap().whole().unwrap().moved_rows;
            clock.advance(Duration::from_secs(DAY));
        }
        assert!(moved > 0, "there was something to rescue");
    })
    .await;
    println!("{rows} rows written, the longest insert took {longest:?}");
    assert_eq!(long_waits(&server)[1..], [] as [String; 0], "longest insert {longest:?}");
    assert_eq!(count(&client, "SELECT count(*) FROM events").await, rows);
    assert_eq!(count(&client, "SELECT count(DISTINCT (writer, n)) FROM events").await, rows);
    let misplaced =
        "SELECT count(*) FROM rest WHERE at >= '2024-03-20 00:00+01' AND at < '2024-04-02 00:00+02'";
    assert_eq!(count(&client, misplaced).await, 0);
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_come_and_go_under_writers() {
    let server = server().await;
    let client = connect(&server).await;
    client
        .batch_execute(
            "CREATE TABLE events (writer int, n bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at);
             CREATE INDEX ON events (at);
             CREATE TABLE ancient PARTITION OF events FOR VALUES FROM ('2024-03-01 00:00+00') TO ('2024-03-10 00:00+00');
             INSERT INTO events VALUES (-1, 0, '2024-03-09 00:00+00');",
        )
        .await
        .unwrap();
    // What the writers write is never past its time: only what is before it goes.
    let clock = clock("2024-03-20T12:00:00Z");
    let build = |premake, keep| {
        let builder = builder("events", &clock).interval(Interval::Day).premake(premake).tries(1000);
        let builder = builder.retention(Retention::Intervals(keep)).expired(Expired::Drop);
        builder.lock_timeout(Duration::from_millis(40)).build().unwrap()
    };
    let _ = build(25, 15).maintain(&client).await.unwrap().whole().unwrap();
    let (rows, longest) = under_load(&server, async {
        let (mut made, mut gone) = (0, 0);
        for day in 20..30 {
            set(&clock, &format!("2024-03-{day}T12:00:00Z"));
            let report = build(25, 9).maintain(&client).await.unwrap().whole().unwrap();
            (made, gone) = (made + report.created.len(), gone + report.dropped.len());
        }
        assert!(made == 9 && gone > 9, "{made} made, {gone} dropped");
    })
    .await;
    println!("{rows} rows written, the longest insert took {longest:?}");
    assert_eq!(long_waits(&server)[1..], [] as [String; 0], "longest insert {longest:?}");
    assert_eq!(count(&client, "SELECT count(*) FROM events").await, rows);
    assert_eq!(count(&client, "SELECT count(DISTINCT (writer, n)) FROM events").await, rows);
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}
