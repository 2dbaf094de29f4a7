use crate::{Keys, Subject};
use perfect21_bench_support::Op;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

/// What is done to a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Load {
    /// Lookups by Zipf's law of 100 000 keys that are all there, in a cache with room for twice as many.
    HitZipf,
    /// The same, each key equally often.
    HitUniform,
    /// By Zipf's law of a million keys, room for 100 000: five inserts in a hundred, else lookups, and an insert after a
    /// miss.
    Mixed,
    /// A lookup and an insert of a key that was never there, room for 100 000.
    Miss,
}

const ENTRIES: usize = 100_000;

impl Load {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::HitZipf, Self::HitUniform, Self::Mixed, Self::Miss];

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HitZipf => "hit, Zipf",
            Self::HitUniform => "hit, uniform",
            Self::Mixed => "95/5 mixed",
            Self::Miss => "miss and insert",
        }
    }

    /// Those of all operations of this load: lists of their own would push the caches out of the processor's.
    fn keys(self) -> Keys {
        static MADE: [OnceLock<Keys>; 3] = [const { OnceLock::new() }; 3];
        let keys = match self {
            Self::HitZipf => MADE[0].get_or_init(|| Keys::zipf(ENTRIES as u32)),
            Self::HitUniform => MADE[1].get_or_init(|| Keys::uniform(ENTRIES as u32)),
            Self::Mixed | Self::Miss => MADE[2].get_or_init(|| Keys::zipf(1_000_000)),
        };
        keys.clone()
    }

    /// The operation on a cache of its own that is warm.
    #[must_use]
    pub fn on<S: Subject>(self) -> Op {
        match self {
            Self::HitZipf => hits::<S>(self.keys()),
            Self::HitUniform => hits::<S>(self.keys()),
            Self::Mixed => mixed::<S>(self.keys()),
            Self::Miss => misses::<S>(),
        }
    }
}

fn hits<S: Subject>(keys: Keys) -> Op {
    let cache = Arc::new(S::with_capacity(ENTRIES * 2));
    (0..ENTRIES as u64).for_each(|key| cache.insert(key, key));
    let threads = AtomicUsize::new(0);
    Op::with_state(move || {
        let cache = Arc::clone(&cache);
        let mut next = keys.walk(threads.fetch_add(1, Ordering::Relaxed));
        move |times| {
            for _ in 0..times {
                std::hint::black_box(cache.get(next()));
            }
        }
    })
}

fn mixed<S: Subject>(keys: Keys) -> Op {
    let cache = Arc::new(S::with_capacity(ENTRIES));
    let mut warm = keys.walk(0);
    for _ in 0..2_000_000 {
        let key = warm();
        if cache.get(key).is_none() {
            cache.insert(key, key);
        }
    }
    let threads = AtomicUsize::new(0);
    Op::with_state(move || {
        let (cache, mut random) = (Arc::clone(&cache), 1_u32);
        let mut next = keys.walk(threads.fetch_add(1, Ordering::Relaxed));
        move |times| {
            for _ in 0..times {
                let key = next();
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let inserts = random >> 16 < (1 << 16) / 20;
                if inserts || std::hint::black_box(cache.get(key)).is_none() {
                    cache.insert(key, key);
                }
            }
        }
    })
}

fn misses<S: Subject>() -> Op {
    let cache = Arc::new(S::with_capacity(ENTRIES));
    (0..ENTRIES as u64 * 2).for_each(|key| cache.insert(key, key));
    let threads = AtomicUsize::new(1);
    Op::with_state(move || {
        let cache = Arc::clone(&cache);
        let mut key = (threads.fetch_add(1, Ordering::Relaxed) as u64) << 40;
        move |times| {
            for _ in 0..times {
                key += 1;
                if std::hint::black_box(cache.get(key)).is_none() {
                    cache.insert(key, key);
                }
            }
        }
    })
}
