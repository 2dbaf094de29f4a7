//! What a user's code may do wrong: panic anywhere, or hash badly.

use perfect21_core::{Clock, ManualClock};
use perfect21_smart_cache::Cache;
use std::{
    cell::Cell,
    hash::{BuildHasherDefault, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

#[derive(Default)]
struct Zero;

impl Hasher for Zero {
    fn write(&mut self, _: &[u8]) {}

    fn finish(&self) -> u64 {
        0
    }
}

#[test]
fn a_hasher_that_maps_all_to_zero_is_slow_and_right() {
    for max_entries in [1, 7, 100, 5_000] {
        let builder = Cache::<u64, u64>::builder().max_entries(max_entries);
        let cache = builder.hasher(BuildHasherDefault::<Zero>::default()).build().unwrap();
        for key in 0..300 {
            cache.insert(key, key).unwrap();
            assert_eq!(cache.get(&key), Some(key));
            assert!(cache.len() <= max_entries);
        }
        let mut held = 0;
        cache.for_each(|key, value| {
            assert_eq!(key, value);
            held += 1;
        });
        assert_eq!(held, cache.len());
        assert!((0..300).filter(|key| cache.remove(key).is_some()).count() == held && cache.is_empty());
    }
}

const PLACES: [&str; 8] = ["clone", "drop", "eq", "hash", "weigher", "listener", "clock", "keep"];

thread_local! {
    /// What panics when it is called next.
    static PANICS: Cell<&'static str> = const { Cell::new("") };
    static LIVE: AtomicI64 = const { AtomicI64::new(0) };
}

fn may_panic(here: &'static str) {
    if PANICS.get() == here {
        PANICS.set("");
        panic!("{here}");
    }
}

#[derive(Debug)]
struct Wild(u64);

impl Wild {
    fn new(number: u64) -> Self {
        LIVE.with(|live| live.fetch_add(1, Ordering::Relaxed));
        Self(number)
    }
}

impl Clone for Wild {
    fn clone(&self) -> Self {
        may_panic("clone");
        Self::new(self.0)
    }
}

impl Drop for Wild {
    fn drop(&mut self) {
        LIVE.with(|live| live.fetch_sub(1, Ordering::Relaxed));
        may_panic("drop");
    }
}

impl PartialEq for Wild {
    fn eq(&self, other: &Self) -> bool {
        may_panic("eq");
        self.0 == other.0
    }
}

impl Eq for Wild {}

impl Hash for Wild {
    fn hash<H: Hasher>(&self, state: &mut H) {
        may_panic("hash");
        self.0.hash(state);
    }
}

/// Panics under the lock, where the time is read for a deadline.
#[derive(Debug)]
struct WildClock(ManualClock);

impl Clock for WildClock {
    fn now(&self) -> Instant {
        may_panic("clock");
        self.0.now()
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }
}

fn wild() -> Cache<Wild, Wild> {
    let builder =
        Cache::builder().max_entries(8).max_bytes(60).clock(Arc::new(WildClock(ManualClock::new())));
    let builder = builder.weigher(|key: &Wild, _: &Wild| {
        may_panic("weigher");
        key.0 % 10
    });
    builder.listener(|_, _, _| may_panic("listener")).build().unwrap()
}

#[test]
fn a_panic_anywhere_leaves_it_consistent() {
    let (mut random, mut panics) = (1_u64, 0);
    let cache = wild();
    // Those that are meant say nothing.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload_as_str().is_some_and(|text| PLACES.contains(&text)) {
            hook(panic);
        }
    }));
    for step in 0..20_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        PANICS.set(PLACES[(random >> 20) as usize % PLACES.len()]);
        let number = (random >> 40) % 20;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let key = Wild::new(number);
            match (random >> 33) % 8 {
                0 => drop(cache.remove(&key)),
                1..=2 => drop(cache.get(&key)),
                3 => drop(cache.insert_with_ttl(key, Wild::new(number), Duration::from_nanos(step % 3))),
                4 => drop(cache.retain(|key, _| {
                    may_panic("keep");
                    key.0 != number
                })),
                _ => drop(cache.insert(key, Wild::new(number))),
            }
        }));
        panics += u32::from(panicked.is_err());
        PANICS.set("");
        let (mut held, mut bytes) = (0, 0);
        cache.for_each(|key, value| {
            assert_eq!(key.0, value.0);
            (held, bytes) = (held + 1, bytes + key.0 % 10);
        });
        // What is over is held still, and not shown.
        assert!(held <= cache.len() && bytes <= cache.bytes());
        assert!(cache.len() <= 8 && cache.bytes() <= 60);
        assert_eq!(LIVE.with(|live| live.load(Ordering::Relaxed)), 2 * cache.len() as i64);
    }
    assert!(panics > 1_000, "{panics}");
    cache.clear();
    assert_eq!((cache.len(), cache.bytes()), (0, 0), "no byte is left behind");
}

#[test]
fn a_value_that_panics_when_dropped_takes_no_other_with_it() {
    struct Bomb(Arc<AtomicI64>, bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
            assert!(!self.1, "a bomb");
        }
    }
    let live = Arc::new(AtomicI64::new(0));
    let cache: Cache<u64, Arc<Bomb>> = Cache::builder().build().unwrap();
    for key in 0..100 {
        live.fetch_add(1, Ordering::Relaxed);
        cache.insert(key, Arc::new(Bomb(Arc::clone(&live), key == 50))).unwrap();
    }
    catch_unwind(AssertUnwindSafe(|| cache.clear())).unwrap_err();
    assert_eq!((live.load(Ordering::Relaxed), cache.len()), (0, 0));
}

#[test]
fn who_panics_under_a_lock_gives_it_back() {
    let panics = Arc::new(AtomicBool::new(true));
    #[derive(Debug)]
    struct Once(Arc<AtomicBool>);
    impl Clone for Once {
        fn clone(&self) -> Self {
            assert!(!self.0.load(Ordering::Relaxed), "a clone");
            Self(Arc::clone(&self.0))
        }
    }
    let cache = Cache::builder().build().unwrap();
    cache.insert(1, Once(Arc::clone(&panics))).unwrap();
    catch_unwind(AssertUnwindSafe(|| cache.get(&1))).unwrap_err();
    panics.store(false, Ordering::Relaxed);
    assert!(std::thread::scope(|scope| scope.spawn(|| cache.get(&1).is_some()).join().unwrap()));
}
