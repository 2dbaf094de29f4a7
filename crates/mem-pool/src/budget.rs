//! How much may lie idle in a pool: what is left of it, reserved in steps so that no operation counts globally.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// A bound of which parts are reserved and given back; what is reserved never exceeds it.
///
/// It may lean on a common one: what it has not of its own it borrows there, and what is given back pays the debt last,
/// so that each who borrows has its own again first.
#[derive(Debug)]
pub(crate) struct Bound {
    own: Room,
    common: Option<Common>,
}

#[derive(Debug)]
struct Common {
    room: Arc<Room>,
    borrowed: AtomicUsize,
}

impl Bound {
    pub(crate) fn new(max: usize) -> Self {
        Self { own: Room::new(max), common: None }
    }

    pub(crate) fn sharing(max: usize, room: Arc<Room>) -> Self {
        Self { own: Room::new(max), common: Some(Common { room, borrowed: AtomicUsize::new(0) }) }
    }

    /// Reserves so much, or nothing.
    pub(crate) fn reserve(&self, n: usize) -> bool {
        let Some(common) = &self.common else { return self.own.reserve(n) };
        let own = self.own.reserve_up_to(n);
        let borrowed = common.room.reserve(n - own);
        if borrowed {
            common.borrowed.fetch_add(n - own, Relaxed);
        } else {
            // Not simply to its own: what another gave back meanwhile may have filled that up.
            self.give_back(own);
        }
        borrowed
    }

    /// Reserves as much of it as there is of its own.
    pub(crate) fn reserve_up_to(&self, n: usize) -> usize {
        self.own.reserve_up_to(n)
    }

    /// Gives back what was reserved.
    pub(crate) fn give_back(&self, n: usize) {
        let Some(common) = &self.common else { return self.own.give_back(n) };
        // All that is reserved and not of its own is borrowed, so the rest is no more than that.
        let rest = n - self.own.fill_up(n);
        if rest > 0 {
            common.borrowed.fetch_sub(rest, Relaxed);
            common.room.give_back(rest);
        }
    }

    pub(crate) fn reserved(&self) -> usize {
        let borrowed = self.common.as_ref().map_or(0, |common| common.borrowed.load(Relaxed));
        self.own.max - self.own.left.load(Relaxed) + borrowed
    }

    pub(crate) fn max(&self) -> usize {
        self.own.max + self.common.as_ref().map_or(0, |common| common.room.max)
    }
}

/// So much, and what is left of it.
#[derive(Debug)]
pub(crate) struct Room {
    max: usize,
    left: AtomicUsize,
}

impl Room {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, left: AtomicUsize::new(max) }
    }

    fn reserve(&self, n: usize) -> bool {
        n == 0 || self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(n)).is_ok()
    }

    fn reserve_up_to(&self, n: usize) -> usize {
        let before = self.left.fetch_update(Relaxed, Relaxed, |left| Some(left - left.min(n)));
        before.map_or(0, |left| left.min(n))
    }

    fn give_back(&self, n: usize) {
        if n > 0 {
            self.left.fetch_add(n, Relaxed);
        }
    }

    /// Takes back as much of it as is reserved here, and says how much that was.
    fn fill_up(&self, n: usize) -> usize {
        let before = self.left.fetch_update(Relaxed, Relaxed, |left| Some(self.max.min(left + n)));
        before.map_or(0, |left| n.min(self.max - left))
    }
}

/// The bounds of a pool's idle objects, summed over the depot and the caches of all threads.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Budget {
    /// Each cache reserves the room of its magazines, the depot what lies in it.
    pub(crate) objects: Bound,
    /// Each idle object's bytes, and what caches have reserved for the next ones.
    pub(crate) bytes: Bound,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn what_is_borrowed_is_paid_back_after_ones_own_is_full() {
        let room = Arc::new(Room::new(10));
        let [one, other] = [0, 1].map(|_| Bound::sharing(4, Arc::clone(&room)));
        assert!(one.reserve(9) && !one.reserve(6));
        assert_eq!((one.reserved(), one.max()), (9, 14));
        assert!(other.reserve(9) && !other.reserve(1), "4 of its own and the other 5 of the room");
        one.give_back(6);
        assert!(!other.reserve(3), "the first 5 went back to its own");
        assert!(other.reserve(2));
        assert_eq!((one.reserved(), other.reserved()), (3, 11));
        one.give_back(3);
        other.give_back(11);
        assert!(one.reserve(14) && !other.reserve(5) && other.reserve(4));
    }

    #[test]
    fn threads_that_share_never_reserve_more_than_there_is() {
        let room = Arc::new(Room::new(100));
        let bounds = [0, 1].map(|_| Bound::sharing(10, Arc::clone(&room)));
        let total = AtomicUsize::new(0);
        thread::scope(|scope| {
            for seed in 1..5_usize {
                let (bound, total) = (&bounds[seed % 2], &total);
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for turn in 0..20_000 {
                        let n = turn * seed * 7 % 23 + 1;
                        if turn % 3 != 2 && bound.reserve(n) {
                            held.push(n);
                            assert!(total.fetch_add(n, Relaxed) + n <= 120);
                            assert!(bound.reserved() <= bound.max());
                        } else if let Some(n) = held.pop() {
                            total.fetch_sub(n, Relaxed);
                            bound.give_back(n);
                        }
                    }
                    held.into_iter().for_each(|n| {
                        total.fetch_sub(n, Relaxed);
                        bound.give_back(n);
                    });
                });
            }
        });
        assert_eq!(bounds.map(|bound| bound.reserved()), [0, 0]);
        assert!(room.reserve(100), "all came back");
    }
}
