//! The seat of the calling thread: a small number that no other living thread has.

use std::{
    cell::{Cell, RefCell},
    ptr,
    sync::{
        Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::magazine::table::Place;

/// How many threads can hold a seat at once; the rest use the depot alone.
pub(crate) const SEATS: usize = 4096;

/// Which seats are taken.
static TAKEN: [AtomicU64; SEATS / 64] = [const { AtomicU64::new(0) }; SEATS / 64];

/// A seat by its place in a [`Table`](super::table::Table), worked out once for a thread and not in each operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat(Place);

impl Seat {
    #[inline(always)]
    pub(crate) fn place(self) -> Place {
        self.0
    }
}

/// What a thread knows of its seat.
#[derive(Clone, Copy)]
enum State {
    /// Not asked for one yet.
    New,
    /// Without one for the rest of its life: its thread-locals are being destroyed, or all seats were taken.
    Standing,
    Seated(Seat),
}

thread_local! {
    // Without a destructor, so it can be read while other thread-locals are destroyed, and costs one load.
    static STATE: Cell<State> = const { Cell::new(State::New) };
    /// The store that the thread used last, by its number, and its cache there.
    static LAST: Cell<(u64, *const ())> = const { Cell::new((NO_STORE, ptr::null())) };
    static LEAVER: Leaver = const { Leaver { visited: RefCell::new(Vec::new()) } };
}

/// The number of no store: they count from one.
const NO_STORE: u64 = 0;

/// A store that has a cache for the seat of a thread.
pub(crate) trait Visited: Send + Sync {
    /// The thread on this seat ends: called by that thread, the last time it uses the seat.
    fn leave(&self, seat: Seat);
}

struct Leaver {
    visited: RefCell<Vec<Weak<dyn Visited>>>,
}

impl Drop for Leaver {
    fn drop(&mut self) {
        let Some(seat) = held() else { return };
        // Kept until the end: with a store its users' closures may go, and they may use another pool.
        let stores: Vec<_> = self.visited.take().iter().filter_map(Weak::upgrade).collect();
        stores.iter().for_each(|store| store.leave(seat));
        STATE.set(State::Standing);
        LAST.set((NO_STORE, ptr::null()));
        let number = seat.place().number();
        // The next on this seat acquires what was written here.
        TAKEN[number / 64].fetch_and(!(1 << (number % 64)), Ordering::Release);
    }
}

/// The calling thread's cache in the store of that number, if it is the one that [`set_last`] noted.
#[inline(always)]
pub(crate) fn last(store: u64) -> Option<*const ()> {
    let (last, cache) = LAST.get();
    (last == store).then_some(cache)
}

/// Notes the cache of the calling thread, which holds a seat, in the store of that number.
#[inline]
pub(crate) fn set_last(store: u64, cache: *const ()) {
    LAST.set((store, cache));
}

/// The seat that the calling thread holds already.
#[inline(always)]
pub(crate) fn held() -> Option<Seat> {
    match STATE.get() {
        State::Seated(seat) => Some(seat),
        _ => None,
    }
}

/// The calling thread's seat, taken now if need be; `None` if it has to do without.
pub(crate) fn take() -> Option<Seat> {
    // First of all a way to leave again; there is none while the thread's own destructors run.
    if matches!(STATE.get(), State::New) {
        let can_leave = LEAVER.try_with(|_| ()).is_ok();
        let number = if can_leave { lowest_free() } else { None };
        STATE.set(number.map_or(State::Standing, |number| State::Seated(Seat(Place::of(number)))));
    }
    held()
}

/// Notes a store that is to be told when the calling thread, which holds a seat, ends; `false` if it is ending already.
pub(crate) fn visit(store: Weak<dyn Visited>) -> bool {
    let noted = LEAVER.try_with(|leaver| {
        let mut visited = leaver.visited.borrow_mut();
        if visited.len() == visited.capacity() {
            visited.retain(|store| store.strong_count() > 0);
        }
        visited.push(store);
    });
    noted.is_ok()
}

fn lowest_free() -> Option<usize> {
    TAKEN.iter().enumerate().find_map(|(word, taken)| {
        let with_lowest_free = |bits: u64| (bits != u64::MAX).then(|| bits | (bits + 1));
        let before = taken.fetch_update(Ordering::Acquire, Ordering::Relaxed, with_lowest_free).ok()?;
        Some(word * 64 + before.trailing_ones() as usize)
    })
}
