//! The seat of the calling thread: taken at its first record, given back when it ends.

use std::cell::Cell;

use crate::seat_map::{Seat, SeatMap};

static MAP: SeatMap = SeatMap::new();

/// Not asked for a seat yet.
const NEW: u16 = u16::MAX;
/// Without a seat for the rest of its life: its thread-locals are being destroyed, or all seats were taken.
const STANDING: u16 = u16::MAX - 1;

thread_local! {
    // Without a destructor, so it can be read while other thread-locals are destroyed, and costs one load.
    static NUMBER: Cell<u16> = const { Cell::new(NEW) };
    static LEAVER: Leaver = const { Leaver };
}

struct Leaver;

impl Drop for Leaver {
    fn drop(&mut self) {
        if let Some(seat) = Seat::new(NUMBER.replace(STANDING)) {
            MAP.give_back(seat);
        }
    }
}

/// The seat that only the calling thread holds; `None` if it has to share.
#[inline]
pub(crate) fn current() -> Option<Seat> {
    Seat::new(NUMBER.get()).or_else(sit_down)
}

#[cold]
fn sit_down() -> Option<Seat> {
    if NUMBER.get() == STANDING {
        return None;
    }
    // First of all a way to leave again; there is none while the thread's own destructors run.
    let can_leave = LEAVER.try_with(|_| ()).is_ok();
    if let Some(seat) = Seat::new(NUMBER.get()) {
        return Some(seat); // Registering the destructor allocated, and the allocator counts.
    }
    let seat = if can_leave { MAP.take() } else { None };
    NUMBER.set(seat.map_or(STANDING, |seat| seat.number() as u16));
    seat
}
