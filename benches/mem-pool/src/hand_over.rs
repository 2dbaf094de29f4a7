use std::{
    collections::VecDeque,
    hint::black_box,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use perfect21_bench_support::Op;

/// How many objects are passed at once, and how many such trays there are: the lock between the two is paid once for
/// each, and the producer may be so many ahead.
const TRAY: u64 = 64;
const TRAYS: usize = 4;

type Trays<G> = Mutex<VecDeque<Vec<G>>>;

struct Passage<G> {
    /// How many threads are at it: the first produces, the second consumes, one alone does both.
    present: AtomicUsize,
    full: Trays<G>,
    empty: Trays<G>,
}

/// A thread's part in it, until it is dropped.
struct Part<G> {
    passage: Arc<Passage<G>>,
    role: usize,
}

impl<G> Part<G> {
    fn new(passage: &Arc<Passage<G>>) -> Self {
        let role = passage.present.fetch_add(1, Ordering::SeqCst);
        Self { passage: Arc::clone(passage), role }
    }

    fn alone(&self) -> bool {
        self.passage.present.load(Ordering::SeqCst) == 1
    }
}

impl<G> Drop for Part<G> {
    fn drop(&mut self) {
        self.passage.present.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One thread gets and touches objects, the other one returns them, as many. The one that is faster waits on its CPU,
/// so the cost is twice that of the slower one.
pub fn handed_over<G: Send + 'static>(
    get: impl Fn() -> G + Clone + Send + Sync + 'static,
    touch: impl Fn(&mut G) + Clone + Send + Sync + 'static,
) -> Op {
    let trays = |n| Mutex::new((0..n).map(|_| Vec::with_capacity(TRAY as usize)).collect());
    let passage = Arc::new(Passage { present: AtomicUsize::new(0), full: trays(0), empty: trays(TRAYS) });
    Op::with_state(move || {
        let (get, touch) = (get.clone(), touch.clone());
        let part = Part::new(&passage);
        move |times| {
            let (empty, full) = (&part.passage.empty, &part.passage.full);
            let (produces, consumes) = (part.alone() || part.role == 0, part.alone() || part.role == 1);
            for first in (0..times).step_by(TRAY as usize) {
                if produces {
                    let mut tray = take(empty);
                    for _ in first..times.min(first + TRAY) {
                        let mut object = get();
                        touch(black_box(&mut object));
                        tray.push(object);
                    }
                    lock(full).push_back(tray);
                }
                if consumes {
                    let mut tray = take(full);
                    tray.clear();
                    lock(empty).push_back(tray);
                }
            }
        }
    })
}

fn take<G>(trays: &Trays<G>) -> Vec<G> {
    let mut spins = 0_u32;
    loop {
        if let Some(tray) = lock(trays).pop_front() {
            return tray;
        }
        spins += 1;
        if spins.is_multiple_of(1024) {
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

fn lock<G>(trays: &Trays<G>) -> std::sync::MutexGuard<'_, VecDeque<Vec<G>>> {
    trays.lock().unwrap_or_else(PoisonError::into_inner)
}
