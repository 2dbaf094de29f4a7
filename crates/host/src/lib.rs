//! What a service must know of its machine: its own CPU and memory, its container's limits, pressure, disk, network.
//!
//! ```
//! use perfect21_host::{CpuShare, Host, Limits, Process};
//!
//! let limits = Limits::read()?; // of the container, where we are in one
//! println!("we may use {} cores and {}", limits.cores, limits.memory);
//!
//! let me = Process::current()?; // or Process::of(pid)
//! let before = me.usage()?;
//! let sum = (0..10_000_000_u64).fold(0, u64::wrapping_add);
//! let after = me.usage()?;
//! let share = CpuShare::between(&before, &after).map(|share| share.of(limits.cores));
//! println!("{} resident, {share:?} of our CPU ({sum})", after.rss);
//!
//! let sample = Host::new().sample(); // one tick: everything there is
//! match sample.disk {
//!     Ok(disk) => println!("{} left", disk.available),
//!     Err(error) => println!("no data: {error}"),
//! }
//! # Ok::<(), perfect21_host::Error>(())
//! ```
//!
//! | | reads | costs |
//! |---|---|---|
//! | [`Process`] | CPU time, memory now and at most, threads, descriptors; of us or of another one | RSS 1 µs, usage 3 µs |
//! | [`Limits`] | cores and memory that we may use, by cgroup version 1 and 2, cpuset, affinity | 120 µs |
//! | [`Disk`] | room as `df` counts it | 1 µs |
//! | [`Host`] | all of it at once, and CPU, memory, load, network, pressure of the machine | below 200 µs |
//! | [`CoarseClock`] | the time as of the kernel's last tick ([`Clock`](perfect21_core::Clock)) | a third of the exact time |
//! | [`HostSource`] | the last [`Sample`] as metrics ([`Observe`](perfect21_core::Observe)) | reads nothing |
//!
//! # What holds
//! - Files stay open, and a reading is one `pread` into a buffer on the stack and a walk over its bytes. A [`Host`]
//!   holds about 25 descriptors, a [`Process`] five.
//! - What is not there, or is not what it should be, is an [`Error`] with its reason, in place of that one figure. It
//!   is never zero.
//! - Counters are totals; `between` takes the difference of two readings, and gives `None` where that has no meaning.
//! - A process that ended is [`ErrorKind::Gone`], also when its number belongs to another one by then.
//! - Every reader of files takes another root, for a host's files mounted in a container, or for tests.
//!
//! # Platforms
//! Linux is tested. Elsewhere the same names read what `sysinfo` knows; that much is compiled, and not tested.
#![forbid(unsafe_code)]

mod cgroup;
mod clock;
mod cpu;
mod disk;
mod error;
mod host;
#[cfg(target_os = "linux")]
mod kept;
mod limits;
mod memory;
mod network;
mod observe;
#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(target_os = "linux")]
mod parse;
mod process;
#[cfg(target_os = "linux")]
mod processes;
mod psi;
mod sample;

pub use cgroup::{Cgroup, CgroupCpu, CgroupMemory};
pub use clock::CoarseClock;
pub use cpu::{CpuTimes, Load};
pub use disk::Disk;
pub use error::{Error, ErrorKind};
pub use host::{Host, HostBuilder};
pub use limits::{LimitedBy, Limits};
pub use memory::Memory;
pub use network::{Network, Traffic};
pub use observe::HostSource;
pub use perfect21_core::{Bytes, ConfigError};
pub use process::{CpuShare, Descriptors, Process, ProcessUsage};
pub use psi::{Psi, Stall, Stalls};
pub use sample::Sample;
