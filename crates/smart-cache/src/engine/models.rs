//! Loom models of the engine itself: every interleaving of two inserts, with up to three switches between the threads.
//!
//! `RUSTFLAGS="--cfg perfect21_loom" cargo test -p perfect21-smart-cache --lib --target-dir target/loom`

use super::{Claim, Engine, Item, Plan, times::Times};
use loom::{sync::Arc, thread};
use perfect21_core::SystemClock;
use std::hash::{BuildHasherDefault, Hasher};

/// A key is its own hash, shifted so that even keys are of one shard and odd ones of the other.
#[derive(Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u64");
    }

    fn write_u64(&mut self, key: u64) {
        // The inverse of what the engine multiplies by.
        let wanted = key | (key & 1) << 63;
        let inverse = (0..6).fold(1_u64, |inverse, _| {
            let product = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(inverse);
            inverse.wrapping_mul(2_u64.wrapping_sub(product))
        });
        self.0 = wanted.wrapping_mul(inverse);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Modelled = Engine<u64, u64, BuildHasherDefault<Plain>>;

fn engine(max_entries: usize, max_bytes: u64) -> Arc<Modelled> {
    let plan = Plan { max_entries, max_bytes, fixed: None, shards: 2 };
    let times = Times::new(std::sync::Arc::new(SystemClock), None, 0.0, None);
    Arc::new(Engine::new(&plan, BuildHasherDefault::default(), times, None))
}

/// The value is the weight.
fn put(engine: &Modelled, key: u64, weight: u64) -> bool {
    let place = engine.place(&key);
    let moment = engine.moment();
    let item = Item { hash: place.hash, key, value: weight, weight, deadline: u64::MAX, queue: None };
    engine.put(place, item, Claim::Write, moment).result.is_ok()
}

fn model(work: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(work);
}

/// What is counted is what is there, and within the bounds.
fn settle(engine: &Modelled, max_entries: usize, max_bytes: u64) -> Vec<(u64, u64)> {
    let held: Vec<(u64, u64)> = engine.copies().flatten().map(|copied| (copied.key, copied.value)).collect();
    assert_eq!(engine.ledger.used(), held.iter().map(|(_, weight)| weight).sum::<u64>());
    assert!(held.len() <= max_entries && engine.ledger.used() <= max_bytes);
    held
}

#[test]
fn keys_are_of_both_shards() {
    model(|| {
        let engine = engine(2, 1);
        let shards = [2, 3, 4, 5].map(|key: u64| engine.place(&key).shard);
        assert_eq!(shards, [0, 1, 0, 1]);
    });
}

#[test]
fn two_shards_share_bytes_and_never_have_too_many() {
    model(|| {
        let engine = engine(4, 3);
        assert!(put(&engine, 2, 2));
        let other = thread::spawn({
            let engine = Arc::clone(&engine);
            // In the other shard: takes what is free, and the rest from the first one.
            move || put(&engine, 3, 2)
        });
        let own = put(&engine, 4, 1);
        assert!(engine.ledger.used() <= 3);
        let other = other.join().unwrap();
        let held = settle(&engine, 4, 3);
        assert!(own || other, "not both are refused");
        assert!(!held.is_empty());
    });
}

#[test]
fn two_who_want_all_do_not_keep_each_other_from_it_for_ever() {
    model(|| {
        let engine = engine(2, 2);
        let other = thread::spawn({
            let engine = Arc::clone(&engine);
            move || put(&engine, 3, 2)
        });
        let own = put(&engine, 2, 2);
        assert!(engine.ledger.used() <= 2);
        let other = other.join().unwrap();
        let held = settle(&engine, 2, 2);
        assert!(held.len() <= 1 && (own || other || held.is_empty()));
        assert!(put(&engine, 4, 2), "nothing is held for ever");
    });
}

#[test]
fn a_key_that_two_replace_is_counted_once() {
    model(|| {
        let engine = engine(2, 3);
        assert!(put(&engine, 2, 3));
        let other = thread::spawn({
            let engine = Arc::clone(&engine);
            move || put(&engine, 2, 1)
        });
        assert!(put(&engine, 2, 2));
        assert!(other.join().unwrap());
        assert_eq!(settle(&engine, 2, 3).len(), 1);
    });
}

#[test]
fn a_write_during_a_load_wins() {
    model(|| {
        let engine = engine(2, 9);
        let place = engine.place(&2_u64);
        let (number, _) = engine.with_loads(place, |loads, _| loads.begin(place.hash, 2));
        let writer = thread::spawn({
            let engine = Arc::clone(&engine);
            move || put(&engine, 2, 5)
        });
        let item = Item { hash: place.hash, key: 2, value: 1, weight: 1, deadline: u64::MAX, queue: None };
        drop(engine.put(place, item, Claim::Load(number), engine.moment()).result);
        assert!(writer.join().unwrap());
        assert_eq!(settle(&engine, 2, 9), [(2, 5)]);
    });
}
