//! What a builder refuses, what it defaults to, and what a handle can do.

use perfect21_core::{Label, LatencySnapshot, Metric, Observe, Reading, Visitor};
use perfect21_smart_cache::{Builder, Cache, Flight};
use std::{collections::BTreeMap, time::Duration};

#[test]
fn bad_settings_are_named_with_their_value_and_rule() {
    type Set = fn(Builder<u64, String>) -> Builder<u64, String>;
    let cases: [(Set, &str); 9] = [
        (|b| b.max_entries(0), "max_entries = 0: must be at least 1"),
        (|b| b.max_bytes(0), "max_bytes = 0: must be at least 1"),
        (|b| b.ttl(Duration::ZERO), "ttl = 0ns: must be above zero"),
        (|b| b.ttl(Duration::MAX), "ttl = 18446744073709551615.999999999s: is past the clock's range"),
        (
            |b| b.weigher(|_, _| 1).miss_curve(true),
            "miss_curve = true: needs a cache without a weigher, as it counts entries",
        ),
        (|b| b.ttl_jitter(1.5), "ttl_jitter = 1.5: must be from 0 to 1"),
        (|b| b.ttl_jitter(f64::NAN), "ttl_jitter = NaN: must be from 0 to 1"),
        (|b| b.time_to_idle(Duration::from_millis(9)), "time_to_idle = 9ms: must be at least 10 ms"),
        (
            |b| b.max_bytes(100),
            "max_bytes = 100: needs a weigher, as keys or values own memory that the cache cannot see",
        ),
    ];
    for (set, message) in cases {
        assert_eq!(set(Cache::builder()).build().unwrap_err().to_string(), message);
    }
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let cache: Cache<u64, String> = Cache::builder().build().unwrap();
    assert_eq!((cache.name(), cache.max_entries(), cache.max_bytes()), ("cache", 1000, 100 << 20));
    let plain: Cache<u64, u32> = Cache::builder().max_bytes(33).build().unwrap();
    for key in 0..9 {
        plain.insert(key, 0).unwrap();
    }
    assert_eq!((plain.len(), plain.bytes()), (2, 24), "without weigher, the size of what owns no heap");
}

#[test]
fn handles_go_to_other_threads() {
    fn handle<T: Clone + Send + Sync + std::fmt::Debug>() {}
    handle::<Cache<String, std::cell::Cell<u8>>>();
    handle::<Flight<String, std::cell::Cell<u8>>>();
    fn send<T: Send>(_: T) {}
    let cache: Cache<u64, u64> = Cache::builder().build().unwrap();
    send(cache.try_get_or_load(1, || async { Ok::<_, ()>(1) }));
}

#[derive(Default)]
struct Collected(BTreeMap<String, f64>);

impl Visitor for Collected {
    fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64) {
        self.0.insert(format!("{}{labels:?}", metric.name), total as f64);
    }

    fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], reading: Reading) {
        self.0.insert(format!("{}{labels:?}", metric.name), reading.value.unwrap());
    }

    fn latency(&mut self, _: &Metric, _: &[Label<'_>], _: &LatencySnapshot) {}
}

#[test]
fn numbers_carry_the_name_of_their_cache() {
    let cache: Cache<u64, u64> = Cache::builder().name("pages").max_entries(2).build().unwrap();
    for key in 0..3 {
        cache.insert(key, key).unwrap();
        let _ = (cache.get(&key), cache.get(&99));
    }
    let mut seen = Collected::default();
    cache.observe(&mut seen);
    for (series, value) in [
        (r#"cache_hits[("cache", "pages")]"#, 3.0),
        (r#"cache_misses[("cache", "pages")]"#, 3.0),
        (r#"cache_evictions[("cache", "pages"), ("cause", "entries")]"#, 1.0),
        (r#"cache_entries[("cache", "pages")]"#, 2.0),
        (r#"cache_bytes[("cache", "pages")]"#, 32.0),
    ] {
        assert_eq!(seen.0.get(series), Some(&value), "{series} of {:?}", seen.0);
    }
    assert_eq!(cache.stats().hit_rate(), Some(0.5));
}
