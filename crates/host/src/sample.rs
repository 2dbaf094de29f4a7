//! One tick's readings.

use crate::{Cgroup, CpuTimes, Descriptors, Disk, Error, Load, Memory, Network, ProcessUsage, Psi};
use perfect21_core::Bytes;
use std::time::Instant;

/// All that was read at one tick.
///
/// Counters are totals as the kernel has them; whoever reads two samples takes the differences
/// ([`CpuShare::between`](crate::CpuShare::between), [`CpuTimes::busy_between`]). What could not be read is an error
/// that says why, never zero, and leaves the rest as it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Sample {
    /// When it was taken.
    pub at: Instant,
    /// CPU time, memory and threads of this process.
    pub process: Result<ProcessUsage, Error>,
    /// The most memory that this process ever had resident.
    pub peak_rss: Result<Bytes, Error>,
    /// File descriptors of this process.
    pub descriptors: Result<Descriptors, Error>,
    /// What our cgroup used of its limits.
    pub cgroup: Cgroup,
    /// CPU time of the machine.
    pub cpu: Result<CpuTimes, Error>,
    /// Memory of the machine.
    pub memory: Result<Memory, Error>,
    /// Load of the machine.
    pub load: Result<Load, Error>,
    /// Processes of the machine (inside a container: of the container, up to 5 s old).
    pub processes: Result<u64, Error>,
    /// Traffic of all network interfaces that we see.
    pub network: Result<Network, Error>,
    /// Room on the file system that was asked for.
    pub disk: Result<Disk, Error>,
    /// Pressure on the machine.
    pub psi: Psi,
}
