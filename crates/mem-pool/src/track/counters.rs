//! What the calling thread has allocated and freed since it began.

use super::Heap;
use perfect21_core::Bytes;
use std::{cell::Cell, marker::PhantomData, sync::OnceLock};

#[derive(Clone, Copy)]
struct Counters {
    allocations: u64,
    allocated: u64,
    freed: u64,
    /// The most that `allocated - freed` came to within the innermost scope; below zero where a thread frees what
    /// another one allocated.
    peak: i64,
}

impl Counters {
    fn net(self) -> i64 {
        self.allocated.wrapping_sub(self.freed).cast_signed()
    }
}

thread_local! {
    // Const and without a destructor: touching it neither allocates nor registers anything, at any time of a thread.
    static COUNTERS: Cell<Counters> =
        const { Cell::new(Counters { allocations: 0, allocated: 0, freed: 0, peak: 0 }) };
}

fn update(change: impl FnOnce(&mut Counters)) {
    let _ = COUNTERS.try_with(|cell| {
        let mut counters = cell.get();
        change(&mut counters);
        counters.peak = counters.peak.max(counters.net());
        cell.set(counters);
    });
}

pub(super) fn allocated(size: usize) {
    update(|counters| {
        counters.allocations += 1;
        counters.allocated += size as u64;
    });
}

pub(super) fn freed(size: usize) {
    update(|counters| counters.freed += size as u64);
}

/// One allocation of what came on top; the block that it may have been copied from is not counted twice.
pub(super) fn resized(old: usize, new: usize) {
    update(|counters| {
        counters.allocations += 1;
        counters.allocated += new.saturating_sub(old) as u64;
        counters.freed += old.saturating_sub(new) as u64;
    });
}

/// Counts on one thread from [`Scope::enter`] on; scopes nest, and the outer ones count what the inner ones do.
pub(super) struct Scope {
    before: Counters,
    /// Counters are the thread's.
    _not_send: PhantomData<*const ()>,
}

impl Scope {
    pub(super) fn enter() -> Self {
        let before = COUNTERS.get();
        COUNTERS.set(Counters { peak: before.net(), ..before });
        Self { before, _not_send: PhantomData }
    }

    /// What was counted until now.
    pub(super) fn heap(&self) -> Heap {
        let now = COUNTERS.get();
        Heap {
            allocations: now.allocations - self.before.allocations,
            allocated: Bytes::new(now.allocated - self.before.allocated),
            freed: Bytes::new(now.freed - self.before.freed),
            peak: Bytes::new((now.peak - self.before.net()).max(0).cast_unsigned()),
        }
    }
}

impl Drop for Scope {
    /// Gives the outer scope its peak back, also where the inner code panicked.
    fn drop(&mut self) {
        let now = COUNTERS.get();
        COUNTERS.set(Counters { peak: self.before.peak.max(now.peak), ..now });
    }
}

/// Whether [`Counting`](super::Counting) is this program's global allocator.
#[must_use]
pub fn is_counting() -> bool {
    // A program has one allocator from its beginning to its end, so one look is enough.
    static COUNTS: OnceLock<bool> = OnceLock::new();
    *COUNTS.get_or_init(|| {
        let before = COUNTERS.get().allocations;
        drop(std::hint::black_box(Box::new(0_u8)));
        COUNTERS.get().allocations > before
    })
}
