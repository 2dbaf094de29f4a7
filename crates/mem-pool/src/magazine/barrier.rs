//! A barrier of which one side is nearly free: the kernel runs the other side's part on all threads of the process.
#![allow(unsafe_code, reason = "the membarrier system call has no safe wrapper")]

use crate::sync::{Ordering, fence};

/// How the owner of a cache and one who claims it see each other's stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// The owner only holds the compiler back; `heavy` makes every running thread of the process pass a full barrier.
    #[cfg(not(all(test, perfect21_loom)))]
    Process,
    /// A full fence on both sides.
    Fence,
}

impl Barrier {
    /// The cheapest that this kernel and sandbox offer.
    #[cfg(not(all(test, perfect21_loom)))]
    pub(crate) fn detect() -> Self {
        static DETECTED: std::sync::OnceLock<Barrier> = std::sync::OnceLock::new();
        *DETECTED.get_or_init(|| if membarrier::register() { Self::Process } else { Self::Fence })
    }

    /// Whether the owner's side, between its store and its load in every operation, only has to hold back the compiler.
    pub(crate) fn light(self) -> bool {
        self != Self::Fence
    }

    /// The claimer's side. `false` if the kernel refuses now what it granted at first (a sandbox entered since): then
    /// nothing may be concluded from what other threads have stored.
    #[must_use]
    pub(crate) fn heavy(self) -> bool {
        match self {
            #[cfg(not(all(test, perfect21_loom)))]
            Self::Process => {
                // For this thread's own compiler and CPU; the system call is for the others.
                fence(Ordering::SeqCst);
                let done = membarrier::all_threads();
                fence(Ordering::SeqCst);
                done
            }
            Self::Fence => {
                fence(Ordering::SeqCst);
                true
            }
        }
    }
}

#[cfg(all(target_os = "linux", not(all(test, perfect21_loom))))]
mod membarrier {
    pub(super) fn register() -> bool {
        call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && all_threads()
    }

    pub(super) fn all_threads() -> bool {
        call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
    }

    fn call(command: libc::c_int) -> bool {
        // SAFETY: membarrier takes a command, flags and a CPU by value; it reads and writes no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }
}

#[cfg(all(not(target_os = "linux"), not(all(test, perfect21_loom))))]
mod membarrier {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn all_threads() -> bool {
        false
    }
}
