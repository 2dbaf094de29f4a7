//! Every object is in one hand only, and none is lost: random use from many threads, and what is left afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use fastrand::Rng;
use perfect21_mem_pool::{Bytes, Pool, PooledOwned, Reset};
use proptest::prelude::*;

/// Notices a second hand on it, and counts itself.
struct Probe {
    held: AtomicBool,
    alive: Arc<AtomicUsize>,
    size: usize,
}

impl Probe {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Relaxed);
        Self { held: AtomicBool::new(false), alive: Arc::clone(alive), size: 100 }
    }

    fn grab(&self) {
        assert!(!self.held.swap(true, Relaxed), "an object was in two hands");
    }

    fn let_go(&self) {
        assert!(self.held.swap(false, Relaxed), "an object was let go twice");
    }
}

impl Reset for Probe {
    fn reset(&mut self) -> bool {
        assert!(!*self.held.get_mut(), "an object came back that someone holds");
        self.size != 13
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        assert!(!*self.held.get_mut() || thread::panicking(), "an object was dropped that someone holds");
        self.alive.fetch_sub(1, Relaxed);
    }
}

fn pool(alive: &Arc<AtomicUsize>, plain_fences: bool, sized: bool) -> Pool<Probe> {
    let made = Arc::clone(alive);
    let mut builder = Pool::builder(move || Probe::new(&made)).max_idle(300).plain_fences(plain_fences);
    if sized {
        builder = builder.bytes_by(|probe| probe.size).max_idle_bytes(Bytes::kib(64));
    }
    builder.build().unwrap()
}

type Letter = PooledOwned<Probe>;

/// One random operation on the pool.
fn step(
    pool: &Pool<Probe>,
    alive: &Arc<AtomicUsize>,
    rng: &mut Rng,
    held: &mut Vec<Letter>,
    post: &mpsc::SyncSender<Letter>,
    mail: &mpsc::Receiver<Letter>,
) {
    let grab = |object: Letter| {
        object.grab();
        object
    };
    match rng.u8(0..100) {
        0..30 if held.len() < 80 => held.push(grab(pool.get_owned())),
        30..45 => {
            let object = pool.get();
            object.grab();
            object.let_go();
        }
        45..65 if !held.is_empty() => {
            let mut object = held.swap_remove(rng.usize(0..held.len()));
            object.let_go();
            object.size = rng.usize(1..400);
        }
        65..80 if !held.is_empty() => {
            let object = held.swap_remove(rng.usize(0..held.len()));
            object.let_go();
            let _ = post.try_send(object);
        }
        80..92 => {
            if let Ok(object) = mail.try_recv() {
                held.push(grab(object));
            }
        }
        92..94 if !held.is_empty() => {
            let object = held.swap_remove(0);
            object.let_go();
            drop(PooledOwned::detach(object));
        }
        94..96 => drop(pool.attach(Probe::new(alive))),
        96 => drop(pool.trim_to(rng.usize(0..50))),
        97 => drop(pool.decay()),
        98 => held.drain(..).for_each(|object| object.let_go()),
        _ => {
            let stats = pool.stats();
            assert!(stats.idle <= 300, "{stats:?}");
        }
    }
}

fn random_use(plain_fences: bool, sized: bool, seed: u64) {
    const THREADS: u64 = 4;
    const STEPS: usize = 15_000;
    let alive = Arc::new(AtomicUsize::new(0));
    let pool = pool(&alive, plain_fences, sized);
    for round in 0..3 {
        let (posts, mails): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::sync_channel(64)).unzip();
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for (nth, mail) in (0..THREADS).zip(mails) {
                let (pool, alive) = (pool.clone(), Arc::clone(&alive));
                let post = posts[((nth + 1) % THREADS) as usize].clone();
                threads.push(scope.spawn(move || {
                    let mut rng = Rng::with_seed(seed + 10 * round + nth);
                    let mut held = Vec::new();
                    for _ in 0..STEPS {
                        step(&pool, &alive, &mut rng, &mut held, &post, &mail);
                    }
                    held.iter().for_each(|object| object.let_go());
                }));
            }
            drop(posts);
            // To the end of their thread-locals, where a scope waits only for what they run.
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        let stats = pool.stats();
        assert_eq!(stats.live, stats.idle, "round {round}: {stats:?}");
        assert_eq!(stats.live, alive.load(Relaxed) as u64, "round {round}: {stats:?}");
        assert_eq!(stats.made + stats.attached, stats.live + stats.dropped + stats.detached, "{stats:?}");
        assert!(stats.idle <= 300 && (!sized || stats.idle_bytes <= 64 << 10), "{stats:?}");
    }
    let idle = pool.stats().idle;
    assert_eq!(pool.trim_to(0).objects, idle);
    assert_eq!((pool.stats().idle, pool.stats().idle_bytes, alive.load(Relaxed)), (0, 0, 0));
    drop(pool.get());
    drop(pool);
    assert_eq!(alive.load(Relaxed), 0);
}

#[test]
fn random_use_from_many_threads_loses_and_doubles_nothing() {
    random_use(false, false, 1);
    random_use(false, true, 1000);
}

#[test]
fn the_same_with_plain_fences() {
    random_use(true, false, 2000);
    random_use(true, true, 3000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// On one thread every number is known at every step.
    #[test]
    fn live_is_held_and_idle_at_every_step(steps in proptest::collection::vec((0_u8..8, 0_usize..40), 1..300), max_idle in 1_usize..40) {
        let alive = Arc::new(AtomicUsize::new(0));
        let made = Arc::clone(&alive);
        let pool = Pool::builder(move || Probe::new(&made)).max_idle(max_idle).build().unwrap();
        let mut held = Vec::new();
        for (kind, n) in steps {
            match kind {
                0 | 1 => held.extend((0..n).map(|_| pool.get_owned())),
                2 | 3 => held.truncate(n),
                4 => drop(pool.attach(Probe::new(&alive))),
                5 => drop(pool.trim_to(n)),
                6 => drop(pool.decay()),
                _ => drop(held.pop().map(PooledOwned::detach)),
            }
            let stats = pool.stats();
            prop_assert_eq!(stats.live, held.len() as u64 + stats.idle, "{:?}", stats);
            prop_assert_eq!(stats.live, alive.load(Relaxed) as u64, "{:?}", stats);
            prop_assert!(stats.idle <= max_idle as u64, "{:?}", stats);
        }
        drop((pool, held));
        prop_assert_eq!(alive.load(Relaxed), 0);
    }
}
