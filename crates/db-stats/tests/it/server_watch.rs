//! What a server says of itself, with its age.

use crate::common::{abandon, eventually, outside, pool};
use perfect21_core::{
    Cell, Curve, Finding, Inspect, Label, LatencySnapshot, Metric, Observe, Reading, Sections, Table, Visitor,
};
use perfect21_db_stats::{ErrorKind, Pool, ServerWatch};
use perfect21_test_support::postgres::Postgres;
use std::{collections::HashMap, time::Duration};

#[derive(Default)]
struct Seen {
    gauges: HashMap<String, Reading>,
    counters: HashMap<String, u64>,
    tables: Vec<Table>,
}

impl Visitor for Seen {
    fn counter(&mut self, metric: &Metric, _: &[Label<'_>], total: u64) {
        self.counters.insert(metric.name.to_owned(), total);
    }
    fn gauge(&mut self, metric: &Metric, _: &[Label<'_>], reading: Reading) {
        self.gauges.insert(metric.name.to_owned(), reading);
    }
    fn latency(&mut self, _: &Metric, _: &[Label<'_>], _: &LatencySnapshot) {}
}

impl Sections for Seen {
    fn table(&mut self, table: Table) {
        self.tables.push(table);
    }
    fn curve(&mut self, _: Curve) {}
    fn finding(&mut self, _: Finding) {}
}

fn seen(watch: &ServerWatch) -> Seen {
    let mut seen = Seen::default();
    watch.observe(&mut seen);
    watch.inspect(&mut seen);
    seen
}

fn built(pool: &Pool, interval: Duration) -> ServerWatch {
    ServerWatch::builder(pool.clone())
        .interval(interval)
        .slow_after(Duration::from_millis(1))
        .build()
        .unwrap()
}

#[tokio::test]
async fn what_runs_is_told_without_its_constants() {
    let server = Postgres::start().unwrap();
    let (beside, idle) = (outside(&server).await, outside(&server).await);
    let pool = pool(&server).max_size(4).build().unwrap();
    let watch = built(&pool, Duration::from_secs(3600));
    let mut connection = pool.get().await.unwrap();
    abandon(&mut connection, &beside, "SELECT pg_sleep(600), 'secret'").await;
    idle.batch_execute("BEGIN; SELECT 1").await.unwrap();
    watch.read().await.unwrap();
    let facts = watch.latest().unwrap();
    assert_eq!(
        (facts.active, facts.idle_in_transaction, facts.slow, facts.hidden),
        (1, 1, 1, 0),
        "{facts:?}"
    );
    assert!(facts.connections >= 4 && facts.max_connections == 200, "{facts:?}");
    assert!(facts.database_size > 1 << 20 && facts.commits > 0, "{facts:?}");
    assert!(facts.cache_hit_rate.is_none_or(|rate| (0.0..=1.0).contains(&rate)), "{facts:?}");
    assert!(facts.oldest_transaction >= facts.longest_running || facts.longest_running.is_some());
    assert_eq!(facts.running.len(), 1);
    assert_eq!(facts.running[0].sql, "select pg_sleep($1), $2");
    assert_eq!(facts.running[0].waits_for, "Timeout: PgSleep");

    let seen = seen(&watch);
    assert_eq!(seen.gauges["db_server_active"].value, Some(1.0));
    assert!(seen.gauges["db_server_active"].age > Duration::ZERO);
    let row = &seen.tables[0].rows[0];
    assert!(matches!(&row[4], Cell::Text(sql) if sql == "select pg_sleep($1), $2"), "{row:?}");
    drop(connection);
}

#[tokio::test]
async fn without_rights_it_says_how_much_is_hidden() {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    beside.batch_execute("CREATE ROLE plain LOGIN").await.unwrap();
    let pool = Pool::builder(server.url().replace("postgres@", "plain@").parse().unwrap()).build().unwrap();
    let watch = built(&pool, Duration::from_secs(3600));
    watch.read().await.unwrap();
    let facts = watch.latest().unwrap();
    assert_eq!((facts.hidden, facts.active), (1, 0), "{facts:?}");
}

#[tokio::test]
async fn a_server_that_is_away_is_no_data_and_comes_back() {
    let server = Postgres::start().unwrap();
    let pool = pool(&server).wait_timeout(Duration::from_millis(100)).build().unwrap();
    let watch = built(&pool, Duration::from_millis(100));
    assert!(seen(&watch).gauges.values().all(|reading| reading.value.is_none()), "nothing was read yet");
    eventually("it is read", async || (watch.latest().is_some(), ())).await;
    server.kill().unwrap();
    eventually("it is no data any more", async || {
        let reading = seen(&watch).gauges["db_server_active"];
        (reading.value.is_none(), reading)
    })
    .await;
    eventually("it says why", async || match watch.failure() {
        Some((since, error)) => {
            (error.kind() == ErrorKind::Unreachable && since > Duration::ZERO, Some(error))
        }
        None => (false, None),
    })
    .await;
    assert!(seen(&watch).counters["db_server_read_failures"] > 0);
    server.restart().unwrap();
    eventually("it is read again", async || {
        let failure = watch.failure();
        (seen(&watch).gauges["db_server_active"].value.is_some() && failure.is_none(), failure)
    })
    .await;
}

#[test]
fn without_a_runtime_it_says_what_is_missing() {
    let server = Postgres::start().unwrap();
    let error = ServerWatch::builder(pool(&server).build().unwrap()).build().unwrap_err();
    assert_eq!(error.setting(), "runtime");
}

#[tokio::test]
async fn an_interval_too_short_is_refused() {
    let server = Postgres::start().unwrap();
    let build = ServerWatch::builder(pool(&server).build().unwrap()).interval(Duration::from_millis(1));
    assert_eq!(build.build().unwrap_err().setting(), "interval");
}
