//! One process: ourselves, or another one by its number.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod stat;

#[cfg(not(target_os = "linux"))]
pub use crate::other::Process;
#[cfg(target_os = "linux")]
pub use linux::Process;
#[cfg(target_os = "linux")]
pub(crate) use linux::ticks;

use perfect21_core::Bytes;
use std::time::{Duration, Instant};

/// What a process has used until now; two of them give its share of the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessUsage {
    /// When it was read, on the monotonic clock.
    pub at: Instant,
    /// CPU time of all its threads, ended ones included, in user and kernel mode.
    ///
    /// Exact for ourselves; of another process the kernel tells it in steps of 10 ms.
    pub cpu_time: Duration,
    /// Resident memory (RSS).
    pub rss: Bytes,
    /// Threads that live; known on Linux.
    pub threads: Option<u32>,
    /// Page faults that had to wait for a disk, ever; known on Linux.
    pub major_faults: Option<u64>,
}

/// How busy a process was between two readings.
///
/// ```
/// use perfect21_host::{CpuShare, Limits, Process};
///
/// let (process, limits) = (Process::current()?, Limits::read()?);
/// let before = process.usage()?;
/// let sum = (0..20_000_000_u64).fold(0, u64::wrapping_add);
/// let after = process.usage()?;
///
/// if let Some(share) = CpuShare::between(&before, &after) {
///     println!("{:.2} cores, {:.0} % of what is allowed ({sum})", share.cores(), 100.0 * share.of(limits.cores));
/// }
/// # Ok::<(), perfect21_host::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct CpuShare(f64);

impl CpuShare {
    /// From two readings of the same process, however far apart.
    ///
    /// `None` where no time passed, or the CPU time went back (the readings are swapped or of two processes).
    #[must_use]
    pub fn between(earlier: &ProcessUsage, later: &ProcessUsage) -> Option<Self> {
        let used = later.cpu_time.checked_sub(earlier.cpu_time)?;
        let passed = later.at.checked_duration_since(earlier.at).filter(|passed| !passed.is_zero())?;
        Some(Self(used.as_secs_f64() / passed.as_secs_f64()))
    }

    /// In cores: 1.0 is one core all the time, 2.5 is two and a half.
    #[must_use]
    pub fn cores(self) -> f64 {
        self.0
    }

    /// Of this many cores, usually [`Limits::cores`](crate::Limits::cores): 1.0 is all that is allowed.
    ///
    /// It may read slightly above 1: the allowance is granted in periods, and the readings do not fall on their edges.
    #[must_use]
    pub fn of(self, cores: f64) -> f64 {
        self.0 / cores
    }
}

/// File descriptors of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Descriptors {
    /// Open now.
    pub open: u64,
    /// How many may be open (the soft limit); `None` is unlimited.
    pub limit: Option<u64>,
}

impl Descriptors {
    /// The open ones as a share of the limit, from 0 to 1; `None` where there is no limit.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a count of descriptors")]
    pub fn used_ratio(&self) -> Option<f64> {
        self.limit.map(|limit| self.open as f64 / limit.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(at: Instant, cpu_ms: u64) -> ProcessUsage {
        let cpu_time = Duration::from_millis(cpu_ms);
        ProcessUsage { at, cpu_time, rss: Bytes::new(0), threads: None, major_faults: None }
    }

    #[test]
    fn share_is_cpu_time_over_time_passed() {
        let start = Instant::now();
        let second = start + Duration::from_secs(1);
        let share = CpuShare::between(&usage(start, 100), &usage(second, 1600)).unwrap();
        assert!((share.cores() - 1.5).abs() < 1e-9);
        assert!((share.of(2.0) - 0.75).abs() < 1e-9);
    }

    #[test]
    fn no_share_without_time_or_with_time_going_back() {
        let start = Instant::now();
        let second = start + Duration::from_secs(1);
        assert_eq!(CpuShare::between(&usage(start, 0), &usage(start, 5)), None, "no time passed");
        assert_eq!(CpuShare::between(&usage(second, 0), &usage(start, 5)), None, "swapped");
        assert_eq!(CpuShare::between(&usage(start, 9), &usage(second, 5)), None, "another process");
    }
}
