//! Going through the entries, and keys that are borrowed in another shape.

use perfect21_smart_cache::{Cache, Equivalent};
use std::{
    hash::{Hash, Hasher},
    thread,
};

#[test]
fn who_looks_at_all_may_write_meanwhile() {
    let cache: Cache<u64, u64> = Cache::builder().max_entries(10_000).build().unwrap();
    for key in 0..1_000 {
        cache.insert(key, key).unwrap();
    }
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for key in 0..20_000 {
                cache.insert(1_000 + key % 3_000, key % 3_000 + 1_000).unwrap();
            }
        });
        while !writer.is_finished() {
            let mut old = 0;
            cache.for_each(|key, value| {
                assert_eq!(key, value);
                assert!(cache.get(key).is_some());
                old += u64::from(*key < 1_000);
            });
            assert_eq!(old, 1_000, "what was there all the time is seen once");
        }
    });
}

#[test]
fn retain_keeps_what_it_says_yes_to() {
    let cache: Cache<u64, u64> = Cache::builder().max_entries(10_000).build().unwrap();
    for key in 0..3_000 {
        cache.insert(key, key).unwrap();
    }
    assert_eq!(cache.retain(|key, value| key == value && key % 3 == 0), 2_000);
    assert!((0..3_000).all(|key| cache.get(&key).is_some() == (key % 3 == 0)));
    assert_eq!((cache.len(), cache.bytes(), cache.stats().removed), (1_000, 16_000, 2_000));
}

/// A route, owned and borrowed.
#[derive(PartialEq, Eq, Hash)]
struct Route {
    method: String,
    path: String,
}

struct Borrowed<'a>(&'a str, &'a str);

impl Hash for Borrowed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
        self.1.hash(state);
    }
}

impl Equivalent<Route> for Borrowed<'_> {
    fn equivalent(&self, route: &Route) -> bool {
        self.0 == route.method && self.1 == route.path
    }
}

#[test]
fn a_key_is_found_by_what_is_equivalent_to_it() {
    let cache: Cache<Route, u64> = Cache::builder().build().unwrap();
    cache.insert(Route { method: "GET".to_owned(), path: "/".to_owned() }, 1).unwrap();
    assert_eq!(cache.get(&Borrowed("GET", "/")), Some(1));
    assert_eq!(cache.get(&Borrowed("PUT", "/")), None);
    assert_eq!(cache.remove(&Borrowed("GET", "/")), Some(1));
    assert!(cache.is_empty());
}
