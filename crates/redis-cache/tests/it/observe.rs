//! Metrics and facts: under their names, with the age of what was read, and no data where nothing is known.

use perfect21_core::{
    Cell, Curve, Finding, Inspect, Label, LatencySnapshot, Metric, Reading, Sections, Table, Visitor,
};
use perfect21_redis_cache::{Near, Observe, RedisCache, ServerWatch};
use perfect21_test_support::redis::Redis;
use std::{collections::BTreeMap, time::Duration};

use crate::support::{DEADLINE, connect, in_memory, numbers, until};

#[derive(Default)]
struct Collected(BTreeMap<String, Option<f64>>);

impl Visitor for Collected {
    fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64) {
        self.0.insert(format!("{}{labels:?}", metric.name), Some(total as f64));
    }

    fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], reading: Reading) {
        self.0.insert(format!("{}{labels:?}", metric.name), reading.value);
    }

    fn latency(&mut self, _: &Metric, _: &[Label<'_>], _: &LatencySnapshot) {}
}

#[tokio::test]
async fn numbers_carry_their_names() {
    let server = Redis::start().unwrap();
    for redis in [in_memory(), connect(&server).await] {
        let cache = numbers(&redis);
        cache.set(&1, &1).await.unwrap();
        cache.get(&1).await.unwrap();
        cache.get(&2).await.unwrap();
        let mut seen = Collected::default();
        redis.observe(&mut seen);
        cache.observe(&mut seen);
        for (series, value) in [
            (r#"redis_connected[("namespace", "test")]"#, 1.0),
            (r#"redis_cache_hits[("cache", "number"), ("tier", "remote")]"#, 1.0),
            (r#"redis_cache_misses[("cache", "number")]"#, 1.0),
            (r#"redis_cache_sets[("cache", "number")]"#, 1.0),
            (r#"redis_cache_errors[("cache", "number"), ("kind", "timeout")]"#, 0.0),
            (r#"redis_cache_rejected[("cache", "number"), ("reason", "checksum")]"#, 0.0),
        ] {
            assert_eq!(seen.0.get(series), Some(&Some(value)), "{series} of {:?}", seen.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_counted_and_what_it_was_lost_by() {
    let server = Redis::start().unwrap();
    let builder = RedisCache::builder(server.url()).namespace("test").near(Near::new());
    let builder = builder.command_timeout(Duration::from_secs(2)).connect_timeout(DEADLINE);
    let (redis, writer) = (builder.connect().await.unwrap(), connect(&server).await);
    let (cache, other) = (numbers(&redis), numbers(&writer));
    for key in 0..10 {
        other.set(&key, &key).await.unwrap();
    }
    until("all entries to be held", async || {
        for key in 0..10 {
            assert_eq!(cache.get(&key).await.unwrap(), Some(key));
        }
        let held = redis.near_stats().unwrap();
        if held.entries == 10 { Ok(()) } else { Err(format!("{held:?}")) }
    })
    .await;
    let before = redis.near_stats().unwrap();
    assert!(before.is_open && before.bytes > 1280 && before.versions >= 2, "{before:?}");
    other.remove(&1).await.unwrap();
    until("a change to be heard of", async || {
        let held = redis.near_stats().unwrap();
        if held.invalidations > before.invalidations && held.entries == 9 {
            Ok(())
        } else {
            Err(format!("{held:?}"))
        }
    })
    .await;
    server.command(&["FLUSHALL"]).unwrap();
    until("a flush to be heard of", async || {
        let held = redis.near_stats().unwrap();
        if held.flushes == 1 { Ok(()) } else { Err(format!("{held:?}")) }
    })
    .await;
    server.kill().unwrap();
    until("the loss to be seen", async || {
        let held = redis.near_stats().unwrap();
        if held.losses == 1 && !held.is_open { Ok(()) } else { Err(format!("{held:?}")) }
    })
    .await;
    let mut seen = Collected::default();
    redis.observe(&mut seen);
    for (series, value) in [
        (r#"redis_near_open[("namespace", "test")]"#, 0.0),
        (r#"redis_near_lost[("namespace", "test"), ("reason", "flush")]"#, 1.0),
        (r#"redis_near_lost[("namespace", "test"), ("reason", "connection")]"#, 1.0),
    ] {
        assert_eq!(seen.0.get(series), Some(&Some(value)), "{series} of {:?}", seen.0);
    }
    assert!(in_memory().near_stats().is_none());
}

#[derive(Default)]
struct Tables(Vec<Table>);

impl Sections for Tables {
    fn table(&mut self, table: Table) {
        self.0.push(table);
    }

    fn curve(&mut self, _: Curve) {}

    fn finding(&mut self, _: Finding) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_read_in_the_background_and_one_that_is_gone_is_said_to_be() {
    let server = Redis::start().unwrap();
    let builder = RedisCache::builder(server.url()).namespace("test").connect_timeout(DEADLINE);
    let redis = builder.command_timeout(Duration::from_secs(2)).connect().await.unwrap();
    let watch = ServerWatch::start(&redis, Duration::from_secs(600)).unwrap();
    until("the first reading", async || watch.latest().map(drop).ok_or_else(|| "none".to_owned())).await;
    let address = server.addr().to_string();
    let up = format!(r#"redis_server_up[("namespace", "test"), ("server", "{address}")]"#);
    let memory = up.replace("_up", "_memory");
    let mut seen = Collected::default();
    watch.observe(&mut seen);
    assert_eq!(seen.0[&up], Some(1.0));
    assert!(seen.0[&memory].unwrap() > 100_000.0, "{:?}", seen.0);
    let mut tables = Tables::default();
    watch.inspect(&mut tables);
    assert_eq!(tables.0[0].rows[0][0], Cell::Text(address));

    server.kill().unwrap();
    until("a reading that fails", async || {
        watch.read().await;
        match &watch.latest().unwrap().servers[..] {
            [(_, Err(_))] => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let mut seen = Collected::default();
    watch.observe(&mut seen);
    assert_eq!((seen.0[&up], seen.0[&memory]), (Some(0.0), None));
    let error = ServerWatch::start(&redis, Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.setting(), "interval");
}
