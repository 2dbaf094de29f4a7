//! Parts that go away, panic, or call back; and the thread that ticks.
#![cfg(all(feature = "watch", target_os = "linux"))]

use crate::watch_tree::Machine;
use perfect21_mem_pool::{
    BoundedPool, BufferPool, Pool,
    watch::{Pressure, Running, Surplus, Trim, Trimmed, Watch},
};
use perfect21_test_support::wait::DEADLINE;
use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

/// Does what it is made of, and counts.
struct Part<F>(F, AtomicU64);

impl<F: Fn(Pressure) -> Trimmed + Send + Sync> Trim for Part<F> {
    fn name(&self) -> &str {
        "part"
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        self.1.fetch_add(1, SeqCst);
        (self.0)(pressure)
    }
}

fn part<F: Fn(Pressure) -> Trimmed + Send + Sync>(trim: F) -> Arc<Part<F>> {
    Arc::new(Part(trim, AtomicU64::new(0)))
}

fn idle() -> Arc<Part<impl Fn(Pressure) -> Trimmed + Send + Sync>> {
    part(|_| Trimmed::default())
}

fn calls<F>(part: &Part<F>) -> u64 {
    part.1.load(SeqCst)
}

#[test]
fn a_part_is_held_weakly_and_forgotten() {
    let watch = Machine::new().watch();
    let (kept, gone) = (idle(), idle());
    watch.register(&kept);
    watch.register(&gone);
    assert_eq!((watch.parts(), Arc::strong_count(&gone)), (2, 1));
    drop(gone);
    assert_eq!(watch.parts(), 1);
    assert_eq!(watch.clean_up(Pressure::Critical).parts.len(), 1);
    assert_eq!(calls(&kept), 1);
}

#[test]
fn a_part_registered_twice_is_told_once() {
    let watch = Machine::new().watch();
    let part = idle();
    watch.register(&part);
    watch.register(&part);
    let as_dyn: Arc<dyn Trim> = part.clone();
    watch.register(&as_dyn);
    watch.clean_up(Pressure::Critical);
    assert_eq!((watch.parts(), calls(&part)), (1, 1));
}

#[test]
fn a_part_in_a_static_needs_no_arc() {
    struct Pool(AtomicU64);
    impl Trim for Pool {
        fn name(&self) -> &str {
            "pool"
        }
        fn trim(&self, _: Pressure) -> Trimmed {
            self.0.fetch_add(1, SeqCst);
            Trimmed::default()
        }
    }
    static POOLS: [Pool; 2] = [const { Pool(AtomicU64::new(0)) }; 2];
    let watch = Machine::new().watch();
    for pool in POOLS.iter().chain(&POOLS) {
        watch.register(&pool);
    }
    watch.clean_up(Pressure::Routine);
    assert_eq!(POOLS.each_ref().map(|pool| pool.0.load(SeqCst)), [1, 1]);
}

#[test]
fn pools_are_handles_and_are_held_weakly_too() {
    let watch = Machine::new().watch();
    let (pool, buffers) = (Pool::new(String::new), BufferPool::new());
    let other = pool.clone();
    for pool in [&pool, &other] {
        watch.register(pool);
    }
    watch.register(&buffers);
    watch.register(&buffers.clone());
    let bounded = BoundedPool::builder(4, String::new).build().unwrap();
    watch.register(&bounded);
    assert_eq!(watch.parts(), 3);
    pool.prefill(3);
    bounded.prefill(2);
    drop(buffers.get());
    assert_eq!(watch.clean_up(Pressure::Critical).trimmed().objects, 6);
    drop((pool, buffers, bounded));
    assert_eq!(watch.parts(), 1);
    drop(other);
    assert_eq!(watch.parts(), 0);
}

#[test]
fn a_surplus_is_trimmed_by_numbers() {
    let watch = Machine::new().watch();
    let pool = Pool::new(|| [0_u8; 64]);
    watch.register(&Surplus::new(&pool, 10, 4).unwrap());
    for (idle, left) in [(10, 10), (11, 4), (4, 4)] {
        pool.prefill(idle);
        watch.clean_up(Pressure::Routine);
        assert_eq!(pool.stats().idle, left, "{idle}");
    }
    watch.clean_up(Pressure::Elevated);
    assert_eq!(pool.stats().idle, 0);
    let error = Surplus::new(&pool, 4, 10).unwrap_err().to_string();
    assert_eq!(error, "keep = 10: must not be above over, which is 4");
}

#[test]
fn a_part_that_panics_is_told_of_and_the_others_are_trimmed() {
    let watch = Machine::new().watch();
    let (bad, good) = (part(|_| std::panic::resume_unwind(Box::new(()))), part(|_| Trimmed::new(1, 10)));
    watch.register(&bad);
    watch.register(&good);
    for _ in 0..2 {
        let cleanup = watch.clean_up(Pressure::Critical);
        assert_eq!(cleanup.trimmed(), Trimmed::new(1, 10));
        assert_eq!(cleanup.panicked().collect::<Vec<_>>(), ["part"]);
    }
    assert_eq!((calls(&bad), calls(&good)), (2, 2));
}

#[test]
fn a_part_may_call_the_watch() {
    let machine = Machine::new();
    machine.rss(600_000_000);
    let watch = machine.watch();
    let (inner, late) = (watch.clone(), idle());
    let reentrant = part(move |_| {
        inner.register(&late);
        assert!(inner.tick().cleanup.is_none(), "it is under way");
        assert_eq!(inner.level(), Pressure::Elevated);
        assert_eq!(inner.parts(), 2);
        Trimmed::default()
    });
    watch.register(&reentrant);
    let tick = watch.tick();
    assert_eq!(tick.cleanup.unwrap().panicked().count(), 0);
    assert_eq!(watch.clean_up(Pressure::Routine).parts.len(), 2);
}

#[test]
fn a_part_whose_last_owner_leaves_during_its_trim_is_dropped_without_harm() {
    let watch = Machine::new().watch();
    let slot: Arc<Mutex<Option<Arc<dyn Trim>>>> = Arc::default();
    let own = Arc::clone(&slot);
    let part = part(move |_| {
        drop(own.lock().unwrap().take());
        Trimmed::new(1, 1)
    });
    watch.register(&part);
    *slot.lock().unwrap() = Some(part);
    assert_eq!(watch.clean_up(Pressure::Critical).trimmed(), Trimmed::new(1, 1));
    assert_eq!(watch.parts(), 0);
}

#[test]
fn registering_for_each_request_does_not_pile_up() {
    let watch = Machine::new().watch();
    for _ in 0..100_000 {
        watch.register(&idle());
    }
    assert_eq!(watch.parts(), 0);
}

#[test]
fn the_thread_ticks_until_its_handle_drops() {
    let machine = Machine::new();
    let (told, ticks) = mpsc::channel();
    let watch = machine.builder().interval(Duration::from_millis(1)).clean_up_every(Duration::from_secs(1));
    let watch = watch.build().unwrap();
    let part = part(move |_| {
        let _ = told.send(());
        Trimmed::default()
    });
    watch.register(&part);
    let running = watch.run().unwrap();
    for round in 0..3 {
        machine.pass(1);
        ticks
            .recv_timeout(DEADLINE)
            .unwrap_or_else(|_| panic!("no tick in round {round}: {:?}", watch.last()));
    }
    drop(running);
    // Joined: nobody but us holds the watch's part of the channel any more, and nothing comes.
    let before = calls(&part);
    machine.pass(1000);
    assert!(ticks.try_recv().is_err());
    assert_eq!(calls(&part), before);
}

#[test]
fn a_purge_that_panics_does_not_end_the_thread() {
    let machine = Machine::new();
    machine.rss(600_000_000);
    let (told, ticks) = mpsc::channel();
    let told = Mutex::new(told);
    let watch = machine.builder().interval(Duration::from_millis(1)).clean_up_every(Duration::from_secs(1));
    let watch = watch.purge(move || {
        let _ = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).send(());
        std::panic::resume_unwind(Box::new(()));
    });
    let watch: Watch = watch.build().unwrap();
    let _running = watch.run().unwrap();
    for round in 0..3 {
        ticks
            .recv_timeout(DEADLINE)
            .unwrap_or_else(|_| panic!("no tick in round {round}: {:?}", watch.last()));
        machine.pass(300);
    }
}

#[test]
fn a_part_may_drop_the_handle_on_the_watchs_own_thread() {
    let machine = Machine::new();
    machine.rss(600_000_000);
    let watch = machine.builder().interval(Duration::from_millis(1)).build().unwrap();
    static HANDLE: OnceLock<Mutex<Option<Running>>> = OnceLock::new();
    let (told, dropped) = mpsc::channel();
    let part = part(move |_| {
        drop(HANDLE.get_or_init(Mutex::default).lock().unwrap().take());
        let _ = told.send(());
        Trimmed::default()
    });
    watch.register(&part);
    {
        // Held until the handle is in its place.
        let mut slot = HANDLE.get_or_init(Mutex::default).lock().unwrap();
        *slot = Some(watch.run().unwrap());
    }
    dropped.recv_timeout(DEADLINE).unwrap();
    assert!(HANDLE.get().unwrap().lock().unwrap().is_none());
}

#[test]
fn handles_are_shared_between_threads() {
    fn shared<T: Clone + Send + Sync>() {}
    fn sent<T: Send + Sync>() {}
    shared::<Watch>();
    sent::<Running>();
}
