//! Maintenance that is killed, dropped or doubled at any point is whole after the next one.
#![cfg(feature = "partition")]
#![allow(clippy::print_stdout, reason = "the figures of the run")]

use crate::partition_common::{self, bounds, builder, clock, connect_to, count, database, left_behind};
use perfect21_core::ManualClock;
use perfect21_db_stats::{
    ErrorKind,
    partition::{Action, Expired, Interval, Partitions, Retention},
};
use perfect21_test_support::soak;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Two months in the default partition, an old partition, and a table whose rows only the default one has.
const FAULTY: &str = "DROP TABLE IF EXISTS events CASCADE; DROP TABLE IF EXISTS old;
    CREATE TABLE events (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE rest PARTITION OF events DEFAULT;
    CREATE TABLE old PARTITION OF events FOR VALUES FROM ('2023-11-01 00:00+00') TO ('2023-12-01 00:00+00');
    INSERT INTO events SELECT nth, '2023-12-01 00:00+00'::timestamptz + nth * interval '1 hour' FROM generate_series(0, 999) nth;";

fn faulty(clock: &ManualClock, scan_limit: u64) -> Partitions {
    let builder = builder("events", clock).premake(1).batch(100).scan_limit(scan_limit.into()).tries(1000);
    builder.retention(Retention::Intervals(1)).build().unwrap()
}

async fn drop_strays(client: &Client) {
    let tables = "SELECT coalesce(string_agg(format('DROP TABLE %I', relname), ';'), '') FROM pg_class
        WHERE relname LIKE 'events\\_p%' AND relkind = 'r' AND NOT relispartition";
    let sql: String = client.query_one(tables, &[]).await.unwrap().get(0);
    client.batch_execute(&sql).await.unwrap();
}

/// Ends runs after ever longer times, by the server or by dropping the future, until one comes to its end by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_ended_at_any_point_is_repaired_by_the_next() {
    let (watcher, url) = database("ended").await;
    let clock = clock("2024-01-15T00:00:00Z");
    for (scan_limit, by_server) in [(0, true), (u64::MAX, true), (0, false), (u64::MAX, false)] {
        let partitions = faulty(&clock, scan_limit);
        watcher.batch_execute(FAULTY).await.unwrap();
        let client = connect_to(&url).await;
        let began = Instant::now();
        let _ = partitions.maintain(&client).await.unwrap().whole().unwrap();
        let mut whole = began.elapsed();
        let mut ended = 0;
        let rounds = soak::rounds(15, 30);
        for nth in 0..rounds {
            watcher.batch_execute(FAULTY).await.unwrap();
            drop_strays(&watcher).await;
            let client = connect_to(&url).await;
            let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
            let began = Instant::now();
            let run = partitions.maintain(&client);
            let end = async {
                tokio::time::sleep(whole.mul_f64(f64::from(nth) / f64::from(rounds - 2))).await;
                if by_server {
                    watcher.query("SELECT pg_terminate_backend($1, 5000)", &[&pid]).await.unwrap();
                    std::future::pending::<()>().await;
                }
            };
            let result = tokio::select! {
                result = run => Some(result.and_then(perfect21_db_stats::partition::Report::whole)),
                () = end => None,
            };
            match result {
                // The machine is less busy than when the whole was measured.
                Some(Ok(_)) => whole = whole.min(began.elapsed()),
                Some(Err(_)) | None => ended += 1,
            }
            // A dropped future's session is used on, as a pool would.
            let client = if by_server { connect_to(&url).await } else { client };
            let total = "SELECT (SELECT count(*) FROM events) + (SELECT coalesce(sum((xpath('/row/c/text()',
                query_to_xml(format('SELECT count(*) AS c FROM %I', c.relname), false, true, '')))[1]::text::bigint), 0)::bigint
                FROM pg_class c WHERE c.relname LIKE 'events\\_p%' AND c.relkind = 'r' AND NOT c.relispartition)";
            assert_eq!(count(&client, total).await, 1000, "no row is lost or doubled in between");
            let _ = partitions.maintain(&client).await.unwrap().whole().unwrap();
            assert_eq!(
                count(&client, "SELECT count(*) FROM events").await,
                1000,
                "ended after {nth}/28 of {whole:?}"
            );
            assert_eq!(count(&client, "SELECT count(*) FROM rest").await, 0);
            let names: Vec<_> = bounds(&client, "events").await.into_iter().map(|(_, text)| text).collect();
            assert_eq!(names.len(), 3, "{names:?}");
            assert_eq!(left_behind(&client).await, [] as [String; 0]);
            assert!(partitions.plan(&client).await.unwrap().steps.is_empty());
        }
        println!("{ended} of 30 runs were ended within");
        assert!(ended >= 10, "only {ended} of 30 runs were ended within");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_ended_at_any_point_is_repaired_by_the_next() {
    let (watcher, url) = database("retired").await;
    let clock = clock("2024-01-15T00:00:00Z");
    let make = "DROP TABLE IF EXISTS events CASCADE;
        DO $$ DECLARE t text; BEGIN FOR t IN SELECT relname FROM pg_class WHERE relname LIKE 'old%' AND relkind = 'r' LOOP EXECUTE 'DROP TABLE ' || t; END LOOP; END $$;
        CREATE TABLE events (at timestamptz NOT NULL) PARTITION BY RANGE (at);
        CREATE TABLE old1 PARTITION OF events FOR VALUES FROM ('2023-10-01 00:00+00') TO ('2023-11-01 00:00+00');
        CREATE TABLE old2 PARTITION OF events FOR VALUES FROM ('2023-11-01 00:00+00') TO ('2023-12-01 00:00+00');";
    for expired in [Expired::Drop, Expired::Detach] {
        let builder =
            builder("events", &clock).premake(1).retention(Retention::Intervals(1)).expired(expired);
        let partitions = builder.tries(1000).build().unwrap();
        watcher.batch_execute(make).await.unwrap();
        let client = connect_to(&url).await;
        let began = Instant::now();
        let _ = partitions.maintain(&client).await.unwrap().whole().unwrap();
        let whole = began.elapsed();
        let rounds = soak::rounds(10, 20);
        for nth in 0..rounds {
            watcher.batch_execute(make).await.unwrap();
            drop_strays(&watcher).await;
            let client = connect_to(&url).await;
            let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
            let end = async {
                tokio::time::sleep(whole.mul_f64(f64::from(nth) / f64::from(rounds - 1))).await;
                watcher.query("SELECT pg_terminate_backend($1, 5000)", &[&pid]).await.unwrap();
                std::future::pending::<()>().await;
            };
            tokio::select! {
                _ = partitions.maintain(&client) => {}
                () = end => {}
            }
            let client = connect_to(&url).await;
            let _ = partitions.maintain(&client).await.unwrap().whole().unwrap();
            assert_eq!(bounds(&client, "events").await.len(), 3, "December, January and February");
            let old = "SELECT count(*) FROM pg_class WHERE relname LIKE 'old%' AND relkind = 'r' AND NOT relispartition";
            assert_eq!(count(&client, old).await, if expired == Expired::Drop { 0 } else { 2 });
            assert_eq!(left_behind(&client).await, [] as [String; 0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maintainers_at_once_do_it_once() {
    let (watcher, url) = database("doubled").await;
    watcher.batch_execute(FAULTY).await.unwrap();
    let clock = clock("2024-01-15T00:00:00Z");
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let (client, partitions) = (connect_to(&url).await, faulty(&clock, 0));
        tasks.push(tokio::spawn(async move { partitions.maintain(&client).await.unwrap().whole().unwrap() }));
    }
    let (mut made, mut moved, mut gone) = (0, 0, 0);
    for task in tasks {
        let report = task.await.unwrap();
        (made, moved, gone) =
            (made + report.created.len(), moved + report.moved_rows, gone + report.detached.len());
    }
    assert_eq!((made, moved, gone), (3, 1000, 1));
    assert_eq!(left_behind(&watcher).await, [] as [String; 0]);

    // One that has it for too long is told.
    let oid: u32 = watcher.query_one("SELECT 'events'::regclass::oid", &[]).await.unwrap().get(0);
    let held = format!("SELECT pg_advisory_lock({}, {oid})", 0x0070_3231);
    watcher.batch_execute(&held).await.unwrap();
    let client = connect_to(&url).await;
    let busy = builder("events", &clock).wait(Duration::from_millis(50)).build().unwrap();
    let error = busy.maintain(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.to_string().contains("which another maintainer has"), "{error}");
}

#[tokio::test]
async fn what_was_left_is_attached_given_back_or_cleared() {
    let (client, url) = database("remains").await;
    client.batch_execute(FAULTY).await.unwrap();
    let clock = clock("2024-01-15T00:00:00Z");
    let oid: u32 = client.query_one("SELECT 'events'::regclass::oid", &[]).await.unwrap().get(0);
    let micros = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let (december, january, february) =
        (micros("2023-12-01T00:00:00Z"), micros("2024-01-01T00:00:00Z"), micros("2024-02-01T00:00:00Z"));
    let half = micros("2024-01-10T00:00:00Z");
    client
        .batch_execute(&format!(
            "CREATE TABLE a (LIKE events INCLUDING ALL); COMMENT ON TABLE a IS 'perfect21 partition of {oid}, staged {december} {half}';
             CREATE TABLE b (LIKE events INCLUDING ALL); COMMENT ON TABLE b IS 'perfect21 partition of {oid}, staged {half} {february}';
             CREATE TABLE c (LIKE events INCLUDING ALL); COMMENT ON TABLE c IS 'perfect21 partition of {oid}, staged {january} {february}';
             CREATE TABLE foreigner (LIKE events); COMMENT ON TABLE foreigner IS 'perfect21 partition of 1, staged {january} {february}';
             CREATE TABLE words (LIKE events); COMMENT ON TABLE words IS 'perfect21 partition of {oid}, staged soon';
             CREATE ROLE thief; CREATE TABLE stolen (LIKE events); ALTER TABLE stolen OWNER TO thief;
             COMMENT ON TABLE stolen IS 'perfect21 partition of {oid}, staged {january} {february}';
             INSERT INTO a VALUES (2000, '2024-01-05 00:00+00'); INSERT INTO c VALUES (2001, '2024-01-06 00:00+00'), (2002, '2024-01-11 00:00+00');
             INSERT INTO stolen VALUES (3000, '2024-01-06 00:00+00');
             ALTER TABLE rest ADD CONSTRAINT perfect21_fence_1_2 CHECK (id > -1) NOT VALID;"
        ))
        .await
        .unwrap();
    let partitions = faulty(&clock, 0);
    let plan = partitions.plan(&client).await.unwrap();
    let actions: Vec<_> = plan.steps.iter().map(|step| (step.action, step.table.name())).collect();
    assert_eq!(
        actions,
        [
            (Action::Unfence, "rest"),
            (Action::Finish, "a"),
            (Action::Clear, "b"),
            (Action::Create, "events_p2024_01"),
            (Action::Create, "events_p2024_02"),
            (Action::GiveBack, "c"),
            (Action::Detach, "old"),
        ]
    );
    let report = partitions.maintain(&client).await.unwrap().whole().unwrap();
    assert_eq!((report.given_back, report.finished.len(), report.created.len()), (2, 1, 2));
    assert_eq!(count(&client, "SELECT count(*) FROM events").await, 1003);
    let kept = "SELECT count(*) FROM pg_class WHERE relname IN ('b', 'c', 'foreigner', 'words', 'stolen')";
    assert_eq!(count(&client, kept).await, 3, "others' tables stay");
    assert_eq!(count(&client, "SELECT count(*) FROM stolen").await, 1);
    assert!(partitions.plan(&client).await.unwrap().steps.is_empty());

    // A detachment that somebody has begun is ended, and its range filled again.
    client
        .batch_execute("DROP TABLE foreigner, words, stolen; ALTER TABLE events DETACH PARTITION rest")
        .await
        .unwrap();
    let [other, third] = [connect_to(&url).await, connect_to(&url).await];
    other.batch_execute("BEGIN; SELECT FROM events").await.unwrap();
    let detach = "SET lock_timeout = '50ms'; ";
    third.batch_execute(detach).await.unwrap();
    let detach =
        third.batch_execute("ALTER TABLE events DETACH PARTITION events_p2024_02 CONCURRENTLY").await;
    assert_eq!(detach.unwrap_err().code().unwrap().code(), "55P03");
    other.batch_execute("COMMIT").await.unwrap();
    let report = partitions.maintain(&client).await.unwrap().whole().unwrap();
    assert_eq!((report.finalized.len(), report.created.len()), (1, 1));
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}

#[tokio::test]
async fn rows_are_put_back_if_the_attachment_fails() {
    let (client, url) = database("back").await;
    client.batch_execute(FAULTY).await.unwrap();
    let clock = clock("2024-01-15T00:00:00Z");
    // A reader of the default partition, which the moving does not need and the attachment does.
    let reader = connect_to(&url).await;
    reader.batch_execute("BEGIN; SELECT FROM rest").await.unwrap();
    for scan_limit in [u64::MAX, 0] {
        let builder = builder("events", &clock).premake(1).batch(100).scan_limit(scan_limit.into());
        let partitions = builder.lock_timeout(Duration::from_millis(20)).tries(2).build().unwrap();
        let report = partitions.maintain(&client).await.unwrap();
        assert_eq!(report.failures.len(), 3, "{report:?}");
        assert!(report.failures.iter().all(|(_, error)| error.kind() == ErrorKind::Busy), "{report:?}");
        assert_eq!((report.moved_rows, report.given_back), (1000, 1000));
        assert_eq!(count(&client, "SELECT count(*) FROM rest").await, 1000);
        assert_eq!(left_behind(&client).await, [] as [String; 0]);
    }
    reader.batch_execute("COMMIT").await.unwrap();
    let _ = faulty(&clock, 0).maintain(&client).await.unwrap().whole().unwrap();
    assert_eq!(count(&client, "SELECT count(*) FROM rest").await, 0);
}

#[tokio::test]
async fn detaching_waits_for_readers_and_stops_nobody() {
    let (client, url) = database("readers").await;
    client
        .batch_execute(
            "CREATE TABLE events (at date) PARTITION BY RANGE (at);
        CREATE TABLE old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')",
        )
        .await
        .unwrap();
    let clock = clock("2024-01-15T00:00:00Z");
    let builder =
        builder("events", &clock).interval(Interval::Year).premake(0).retention(Retention::Intervals(1));
    let partitions = builder.lock_timeout(Duration::from_millis(20)).tries(1000).build().unwrap();
    let [reader, other] = [connect_to(&url).await, connect_to(&url).await];
    reader.batch_execute("BEGIN; SELECT FROM events").await.unwrap();
    let run =
        tokio::spawn(async move { (partitions.maintain(&client).await.unwrap().whole().unwrap(), client) });
    partition_common::until("a detachment is pending", async || {
        count(&other, "SELECT count(*) FROM pg_inherits WHERE inhdetachpending").await == 1
    })
    .await;
    other
        .batch_execute(
            "SET lock_timeout = '100ms'; INSERT INTO events VALUES ('2024-01-15'); SELECT FROM events",
        )
        .await
        .unwrap();
    reader.batch_execute("COMMIT").await.unwrap();
    let (report, client) = run.await.unwrap();
    assert_eq!(report.detached.len(), 1);
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}
