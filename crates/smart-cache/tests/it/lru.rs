//! Strict LRU is what it says, held against a list.
#![cfg(feature = "lru")]

use perfect21_core::ManualClock;
use perfect21_smart_cache::{Lru, Pressure, Store};
use proptest::prelude::*;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// What was used last is last.
#[derive(Default)]
struct Plain(Vec<(u8, u64, Option<Instant>)>);

impl Plain {
    fn get(&mut self, key: u8, now: Instant) -> Option<u64> {
        let at = self.0.iter().position(|entry| entry.0 == key)?;
        let entry = self.0.remove(at);
        if entry.2.is_some_and(|deadline| deadline <= now) {
            return None;
        }
        self.0.push(entry);
        Some(entry.1)
    }

    fn insert(&mut self, key: u8, value: u64, deadline: Option<Instant>) -> bool {
        self.0.retain(|entry| entry.0 != key);
        if value > BYTES {
            return false;
        }
        while self.0.len() >= ENTRIES || self.0.iter().map(|entry| entry.1).sum::<u64>() + value > BYTES {
            self.0.remove(0);
        }
        self.0.push((key, value, deadline));
        true
    }
}

const ENTRIES: usize = 5;
const BYTES: u64 = 40;

#[derive(Debug, Clone)]
enum Op {
    Get(u8),
    Insert(u8, u64, Option<u8>),
    Remove(u8),
    Sleep(u8),
    Half,
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..9_u8).prop_map(Op::Get),
        4 => (0..9_u8, 0..50_u64, prop::option::of(1..20_u8)).prop_map(|(key, value, ttl)| Op::Insert(key, value, ttl)),
        1 => (0..9_u8).prop_map(Op::Remove),
        1 => (1..10_u8).prop_map(Op::Sleep),
        1 => Just(Op::Half),
        1 => Just(Op::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn it_does_what_a_list_does(ops in prop::collection::vec(op(), 1..120)) {
        let clock = Arc::new(ManualClock::new());
        let lru = Lru::weighed(ENTRIES, BYTES, |_, value: &u64| *value).unwrap().with_clock(clock.clone());
        let mut plain = Plain::default();
        for op in ops {
            let now = perfect21_core::Clock::now(&*clock);
            let seconds = |ttl: u8| Duration::from_secs(u64::from(ttl));
            match op {
                Op::Get(key) => prop_assert_eq!(lru.get(&key), plain.get(key, now)),
                Op::Insert(key, value, ttl) => {
                    let ttl = ttl.map(seconds);
                    let stored = lru.insert_if(key, value, ttl, &mut || true).is_ok();
                    prop_assert_eq!(stored, plain.insert(key, value, ttl.map(|ttl| now + ttl)));
                }
                Op::Remove(key) => {
                    let removed = plain.get(key, now);
                    plain.0.retain(|entry| entry.0 != key);
                    prop_assert_eq!(lru.remove(&key), removed);
                }
                Op::Sleep(time) => clock.advance(seconds(time)),
                Op::Half => {
                    lru.trim(Pressure::Elevated);
                    plain.0.retain(|entry| entry.2.is_none_or(|deadline| deadline > now));
                    let half = plain.0.len() - plain.0.len() / 2;
                    plain.0.drain(..half);
                }
                Op::Clear => {
                    lru.clear();
                    plain.0.clear();
                }
            }
            prop_assert_eq!(lru.len(), plain.0.len());
            let mut seen = Vec::new();
            lru.for_each(&mut |key, value| seen.push((*key, *value)));
            let now = perfect21_core::Clock::now(&*clock);
            let live = plain.0.iter().filter(|entry| entry.2.is_none_or(|deadline| deadline > now));
            let mut expected: Vec<_> = live.map(|entry| (entry.0, entry.1)).collect();
            seen.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(seen, expected);
        }
    }
}

/// A value that calls the store when it is dropped: under the store's lock that would hang.
struct Calls(Arc<Lru<u32, Arc<Self>>>, AtomicI64);

impl Drop for Calls {
    fn drop(&mut self) {
        self.1.store(self.0.len() as i64, SeqCst);
    }
}

#[test]
fn values_are_dropped_without_the_lock() {
    let lru = Arc::new(Lru::new(2).unwrap());
    let value = || Arc::new(Calls(Arc::clone(&lru), AtomicI64::new(0)));
    let fill = |keys: std::ops::Range<u32>| {
        keys.for_each(|key| drop(lru.insert_if(key, value(), Some(Duration::from_secs(3600)), &mut || true)));
    };
    fill(0..5);
    drop(lru.remove(&4));
    lru.insert_if(3, value(), Some(Duration::ZERO), &mut || true).ok();
    assert!(lru.get(&3).is_none());
    fill(0..2);
    lru.trim(Pressure::Elevated);
    lru.clear();
    assert_eq!(lru.len(), 0);
}

#[test]
fn the_bounds_hold_at_every_instant() {
    let lru = Lru::weighed(16, 100, |_: &u32, value: &u64| *value).unwrap();
    thread::scope(|scope| {
        let writer = |seed: u32| {
            let lru = &lru;
            move || {
                for n in 0..20_000_u32 {
                    let key = (n * seed) % 64;
                    lru.insert_if(key, u64::from(n % 30), None, &mut || true).unwrap();
                }
            }
        };
        let writers = [scope.spawn(writer(7)), scope.spawn(writer(11))];
        while writers.iter().any(|writer| !writer.is_finished()) {
            assert!(lru.len() <= 16);
            let (mut entries, mut bytes) = (0, 0);
            lru.for_each(&mut |_, value| {
                entries += 1;
                bytes += value;
            });
            assert!(entries <= 16 && bytes <= 100, "{entries} entries, {bytes} bytes");
        }
    });
}
