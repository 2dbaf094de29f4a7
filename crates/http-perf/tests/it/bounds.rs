//! What is held stays within its bounds, is counted, and can be given back.
#![cfg(feature = "response-cache")]

use crate::support::{FRESH, Site, get, page};
use perfect21_core::{
    Label, LatencySnapshot, ManualClock, Metric, Observe, Pressure, Reading, Trim, Visitor,
};
use perfect21_http_perf::{ResponseCache, response_cache::Refusal};
use std::{collections::BTreeMap, time::Duration};

#[tokio::test]
async fn entries_and_bytes_are_bounded() {
    let cache = ResponseCache::builder().max_entries(50).max_bytes(100_000).max_body_bytes(50_000);
    let site = Site::with(cache.build().unwrap(), ManualClock::new(), async |_, call| {
        page(&[FRESH], "x".repeat(call * 37 % 6000))
    });
    for i in 0..500 {
        site.get(&format!("/{i}")).await;
        let stats = site.cache.stats();
        assert!(stats.entries <= 50 && stats.bytes <= 100_000, "{stats:?}");
    }
    assert_eq!(site.cache.stats().stored, 500);
}

#[tokio::test]
async fn headers_and_keys_weigh_too() {
    let cache = ResponseCache::builder().max_bytes(20_000).max_body_bytes(10_000).build().unwrap();
    let long = "x".repeat(15_000);
    let site = Site::with(cache, ManualClock::new(), move |request, _| {
        let long = long.clone();
        async move {
            let header = if request.uri().path() == "/header" { &*long } else { "" };
            page(&[FRESH, ("x-long", header), ("x-also", header)], "page")
        }
    });
    site.get("/header").await;
    site.get(&format!("/{}", "y".repeat(20_000))).await;
    assert_eq!(site.cache.stats().refused(Refusal::TooLarge), 2);
    site.get("/").await;
    let stats = site.cache.stats();
    assert_eq!(stats.entries, 1);
    assert!((500..2000).contains(&stats.bytes), "{stats:?}");
}

#[tokio::test]
async fn a_refused_setting_is_named() {
    let builder = ResponseCache::builder;
    for (builder, message) in [
        (builder().max_entries(0), "max_entries = 0: must be at least 1"),
        (builder().max_body_bytes(0), "max_body_bytes = 0: must be at least 1"),
        (builder().max_bytes(9).max_body_bytes(10), "max_body_bytes = 10: must not be above max_bytes (9)"),
        (
            builder().max_filling_bytes(9).max_body_bytes(10),
            "max_body_bytes = 10: must not be above max_filling_bytes (9)",
        ),
        (builder().max_wait(Duration::ZERO), "max_wait = 0ns: must be above zero"),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    }
}

#[tokio::test]
async fn memory_can_be_given_back() {
    let site = Site::counting(FRESH);
    for path in ["/1", "/2", "/3", "/4"] {
        site.get(path).await;
    }
    let bytes = site.cache.stats().bytes;
    let trimmed = site.cache.trim(Pressure::Critical);
    assert_eq!((trimmed.objects, trimmed.bytes), (4, bytes));
    assert_eq!(site.cache.stats().entries, 0);
    assert_eq!(Trim::name(&site.cache), "responses");
    assert_eq!(site.get("/1").await.shown(), ("MISS", "5"));
}

#[derive(Default)]
struct Numbers(BTreeMap<String, f64>);

impl Visitor for Numbers {
    fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64) {
        self.0.insert(format!("{}{labels:?}", metric.name), total as f64);
    }

    fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], reading: Reading) {
        self.0.insert(format!("{}{labels:?}", metric.name), reading.value.unwrap());
    }

    fn latency(&mut self, _: &Metric, _: &[Label<'_>], _: &LatencySnapshot) {}
}

#[tokio::test]
async fn a_monitor_sees_what_the_stats_say() {
    let site = Site::new(async |request: http::Request<axum::body::Body>, _| {
        let header = if request.uri().path() == "/" { FRESH } else { ("cache-control", "no-store") };
        page(&[header], "page")
    });
    for path in ["/", "/", "/", "/private"] {
        site.get(path).await;
    }
    site.send(get("/", &[("cookie", "a=b")])).await;
    let mut numbers = Numbers::default();
    site.cache.observe(&mut numbers);
    for (name, value) in [
        ("response_cache_hits", 2.0),
        ("response_cache_misses", 2.0),
        ("response_cache_bypasses", 1.0),
        ("response_cache_stored", 1.0),
        ("response_cache_entries", 1.0),
        ("response_cache_filling", 0.0),
    ] {
        assert_eq!(numbers.0[&format!("{name}[(\"cache\", \"responses\")]")], value, "{name}");
    }
    assert_eq!(
        numbers.0["response_cache_refused[(\"cache\", \"responses\"), (\"reason\", \"forbidden\")]"],
        1.0
    );
    assert_eq!(site.cache.stats().hit_rate(), Some(0.5));
}
