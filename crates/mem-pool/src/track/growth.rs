use perfect21_core::Bytes;
use perfect21_host::Process;
use std::{fmt, ops::AddAssign, sync::OnceLock};

/// By how much memory grew during a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Growth {
    /// What the call itself allocated and freed; `None` without [`Counting`](super::Counting) as the global allocator,
    /// as then nobody counted.
    pub heap: Option<Heap>,
    /// By how many bytes the resident memory of the *whole process* changed meanwhile: whatever all other threads did
    /// is in it, and memory that the allocator keeps is not given back. `None` where it cannot be read.
    pub process_rss: Option<i64>,
}

/// What the heap of a call did.
///
/// Counted are the bytes asked for, on the threads that ran the call and while they ran it. What it hands to other
/// threads or spawns as tasks counts there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Heap {
    /// Allocations and reallocations.
    pub allocations: u64,
    /// Bytes allocated.
    pub allocated: Bytes,
    /// Bytes freed, also of what others had allocated before.
    pub freed: Bytes,
    /// The most that was allocated and not yet freed at one time.
    pub peak: Bytes,
}

impl Heap {
    /// What stays: allocated less freed. Below zero where the call freed what others had allocated.
    #[must_use]
    pub fn net(&self) -> i64 {
        self.allocated.get().wrapping_sub(self.freed.get()).cast_signed()
    }
}

/// What came later is added: the peak is that of both in turn.
impl AddAssign for Heap {
    fn add_assign(&mut self, later: Self) {
        let peak = self.net().saturating_add_unsigned(later.peak.get()).max(0).cast_unsigned();
        self.peak = self.peak.max(Bytes::new(peak));
        self.allocations += later.allocations;
        self.allocated = self.allocated + later.allocated;
        self.freed = self.freed + later.freed;
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.heap {
            Some(heap) => {
                let sign = if heap.net() < 0 { '-' } else { '+' };
                let (net, peak) = (Bytes::new(heap.net().unsigned_abs()), heap.peak);
                write!(f, "heap {sign}{net} in {} allocations, at most +{peak}", heap.allocations)?;
            }
            None => f.write_str("heap not counted")?,
        }
        match self.process_rss {
            Some(rss) => {
                let sign = if rss < 0 { '-' } else { '+' };
                write!(f, "; resident memory of the whole process {sign}{}", Bytes::new(rss.unsigned_abs()))
            }
            None => Ok(()),
        }
    }
}

/// Resident memory of the process, by one `pread` of 1 µs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rss(Option<Bytes>);

impl Rss {
    pub(super) fn now() -> Self {
        static PROCESS: OnceLock<Option<Process>> = OnceLock::new();
        let process = PROCESS.get_or_init(|| Process::current().ok());
        Self(process.as_ref().and_then(|process| process.rss().ok()))
    }

    /// From then until now.
    pub(super) fn change(self) -> Option<i64> {
        let (before, now) = (self.0?, Self::now().0?);
        Some(now.get().wrapping_sub(before.get()).cast_signed())
    }
}
