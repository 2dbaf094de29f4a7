//! How much CPU and memory we may use: the machine's, or what a container leaves of it.

#[cfg(target_os = "linux")]
mod cpuset;
#[cfg(target_os = "linux")]
mod hierarchy;
#[cfg(target_os = "linux")]
mod read;
#[cfg(target_os = "linux")]
mod v1;
#[cfg(target_os = "linux")]
mod v2;

#[cfg(target_os = "linux")]
pub(crate) use hierarchy::{Cgroups, Place, Version};
#[cfg(target_os = "linux")]
pub(crate) use read::cpu_quota;

use perfect21_core::Bytes;
use std::path::PathBuf;

/// What this process may use of the machine.
///
/// On Linux all that bounds it counts: the CPUs that are online, its CPU affinity and cpuset, the CPU quota and the
/// memory limit of its cgroup and of every cgroup above, of version 1, version 2 or both. Limits can change while a
/// process runs, so read them again now and then: it takes 120 µs.
///
/// ```
/// use perfect21_host::Limits;
///
/// let limits = Limits::read()?;
/// println!("{} cores, {} of memory", limits.cores, limits.memory);
/// assert!(limits.cores > 0.0 && limits.cores <= f64::from(limits.online_cpus));
/// # Ok::<(), perfect21_host::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Cores' worth of CPU time: the least of quota, allowed and online CPUs. Below 1 where the quota is.
    pub cores: f64,
    /// The smallest CPU quota of our cgroup and those above it, in cores; `None` where nothing is set.
    pub cpu_quota: Option<f64>,
    /// CPUs that our first thread may run on, by affinity and cpuset.
    pub allowed_cpus: u32,
    /// CPUs of the machine that are switched on.
    pub online_cpus: u32,
    /// Memory: the smallest limit of our cgroup and those above it, or the machine's.
    pub memory: Bytes,
    /// What sets [`memory`](Self::memory).
    pub memory_limited_by: LimitedBy,
    /// Memory of the machine.
    pub machine_memory: Bytes,
}

/// What sets a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitedBy {
    /// The machine has no more.
    Machine,
    /// A cgroup, ours or one above it, by its directory.
    Cgroup(PathBuf),
}
