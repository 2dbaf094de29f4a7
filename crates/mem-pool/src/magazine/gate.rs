//! A value that its owner uses for next to nothing, and that any other thread may claim for a moment.
#![allow(unsafe_code, reason = "a lock would cost the owner more than its whole operation")]

use crate::{
    magazine::barrier::Barrier,
    sync::{AtomicBool, AtomicU8, Ordering, UnsafeCell, compiler_fence, fence, yield_now},
};

/// The states of `claim`. A gate whose owner has to pass a fence is never `FREE` but `FENCED`, so that one whose owner
/// need not costs it no look at which of the two it is.
const FREE: u8 = 0;
const FENCED: u8 = 1;
const CLAIMED: u8 = 2;
const CLOSED: u8 = 3;

/// Who may touch the value is decided as in Dekker's algorithm: each side stores its own flag, passes a barrier, and
/// loads the other's.
///
/// The owner stores `inside`, passes its barrier and loads `claim`; only if that is free it goes on. Its barrier holds
/// back the compiler alone ([`Barrier::light`]), or is a fence. A claimer
/// stores `claim`, passes [`Barrier::heavy`] and waits until `inside` is down. Take one entry and one claim. With a
/// fence on both sides, one of the two loads sees the other side's store. With membarrier, the kernel runs a full
/// barrier on each running thread between the claimer's store and load, and a thread that was not running has passed
/// one by being switched. If the owner's barrier falls after its store of `inside`, the claimer's load, later still,
/// sees that store and waits; if it falls before that store, it also falls before the load of `claim`, which comes
/// after the store in the program (the compiler fence sees to that) and so sees the claim. Either way never both are
/// in. The value itself is handed over by the release stores to `inside` and `claim` and the acquire loads of them.
///
/// The owner never waits: refused, it does without its cache. A claimer waits for a few instructions of the owner,
/// which runs no code of users in between (or for as long as the owner is off the CPU at that place).
pub(crate) struct Gate<V> {
    inside: AtomicBool,
    claim: AtomicU8,
    barrier: Barrier,
    value: UnsafeCell<V>,
}

// SAFETY: the value is reached by one thread at a time, as argued above, and handed over by release and acquire; no
// reference to it is ever shared, so `V: Send` is enough.
unsafe impl<V: Send> Sync for Gate<V> {}

/// Why the owner was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Another thread is at it, for a moment.
    Claimed,
    /// For ever.
    Closed,
}

impl<V> Gate<V> {
    pub(crate) fn new(value: V, barrier: Barrier) -> Self {
        let claim = AtomicU8::new(Self::unclaimed(barrier));
        Self { inside: AtomicBool::new(false), claim, barrier, value: UnsafeCell::new(value) }
    }

    fn unclaimed(barrier: Barrier) -> u8 {
        if barrier.light() { FREE } else { FENCED }
    }

    /// Works on the value as its owner if nothing more than a look at the gate is needed; else [`enter`](Self::enter)
    /// knows more.
    ///
    /// When the value makes the gate's own memory reachable by others (an object that keeps it alive goes in), the
    /// gate may be gone when this returns; nothing of it is touched after `inside` went down.
    ///
    /// # Safety
    /// One thread at a time is the owner, each happening after the one before, and `work` does not enter again.
    #[inline(always)]
    #[cfg_attr(perfect21_loom, allow(dead_code, reason = "its only caller is left out of models"))]
    pub(crate) unsafe fn enter_free<R>(&self, work: impl FnOnce(&mut V) -> R) -> Option<R> {
        self.inside.store(true, Ordering::Relaxed);
        let leave = Leave(&self.inside);
        compiler_fence(Ordering::SeqCst);
        if self.claim.load(Ordering::Acquire) != FREE {
            return None;
        }
        // SAFETY: no claimer is at it, see above, and the caller is the only owner and is not in here already.
        let done = self.value.with_mut(|value| work(unsafe { &mut *value }));
        drop(leave);
        Some(done)
    }

    /// Works on the value as its owner, also where that needs a fence, and says why not if it may not.
    ///
    /// # Safety
    /// As [`enter_free`](Self::enter_free), and what holds of the gate's memory there, holds here.
    pub(crate) unsafe fn enter<R>(&self, work: impl FnOnce(&mut V) -> R) -> Result<R, Refused> {
        self.inside.store(true, Ordering::Relaxed);
        let leave = Leave(&self.inside);
        if self.barrier.light() {
            compiler_fence(Ordering::SeqCst);
        } else {
            fence(Ordering::SeqCst);
        }
        match self.claim.load(Ordering::Acquire) {
            FREE | FENCED => {}
            CLAIMED => return Err(Refused::Claimed),
            _ => return Err(Refused::Closed),
        }
        // SAFETY: as there.
        let done = self.value.with_mut(|value| work(unsafe { &mut *value }));
        drop(leave);
        Ok(done)
    }

    /// Keeps the owner out from now on; one who is in stays in.
    pub(crate) fn claim(&self) {
        // A closed one stays closed: claimers take turns under a lock, so nobody stores in between. Their lock hands the
        // value on as well; with the acquire the gate does it alone, also for tools that see only half of the lock.
        if self.claim.load(Ordering::Acquire) != CLOSED {
            self.claim.store(CLAIMED, Ordering::Relaxed);
        }
    }

    /// Keeps the owner out for ever.
    pub(crate) fn close(&self) {
        // Acquires what an earlier claimer has left, as `claim` does.
        self.claim.swap(CLOSED, Ordering::Acquire);
    }

    /// Lets the owner in again.
    pub(crate) fn release(&self) {
        if self.claim.load(Ordering::Relaxed) == CLAIMED {
            self.claim.store(Self::unclaimed(self.barrier), Ordering::Release);
        }
    }

    /// Works on the claimed value, after the owner has left.
    ///
    /// # Safety
    /// The caller has claimed or closed the gate, then passed [`Barrier::heavy`] with success, has not released it
    /// since, and no other thread does the same meanwhile.
    pub(crate) unsafe fn claimed<R>(&self, work: impl FnOnce(&mut V) -> R) -> R {
        let mut spins = 0_u32;
        while self.inside.load(Ordering::Acquire) {
            spins += 1;
            if cfg!(all(test, perfect21_loom)) || spins.is_multiple_of(64) {
                yield_now();
            }
            std::hint::spin_loop();
        }
        // SAFETY: the owner has left and is kept out, see above, and the caller is the only claimer.
        self.value.with_mut(|value| work(unsafe { &mut *value }))
    }
}

/// Leaves also by unwinding, as when an allocation panics.
struct Leave<'a>(&'a AtomicBool);

impl Drop for Leave<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
