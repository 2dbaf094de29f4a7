//! What our cgroup has used of its limits.

use crate::{Error, Psi};
use perfect21_core::Bytes;
use std::time::Duration;

/// What our cgroup has used and waited for; an error of kind [`Missing`](crate::ErrorKind::Missing) where there is none.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cgroup {
    /// Memory.
    pub memory: Result<CgroupMemory, Error>,
    /// CPU time that the quota took from us.
    pub cpu: Result<CgroupCpu, Error>,
    /// Pressure; version 2 only.
    pub psi: Psi,
}

/// Memory of the cgroup, ours or one above it, that has the smallest limit; of our own where none has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CgroupMemory {
    /// In use by all its processes, with the page cache of files they read, most of which the kernel can take back.
    pub current: Bytes,
    /// Of that, cached pages of files that were not used lately, which the kernel takes back before it kills; `None`
    /// where it does not tell.
    pub inactive_file: Option<Bytes>,
    /// Where the kernel begins to kill.
    pub limit: Option<Bytes>,
}

impl CgroupMemory {
    /// What is in use and not easily taken back: without the inactive pages of files, as container runtimes count it.
    #[must_use]
    pub fn working_set(&self) -> Bytes {
        let inactive_file = self.inactive_file.map_or(0, Bytes::get);
        Bytes::new(self.current.get().saturating_sub(inactive_file))
    }
}

/// How often the CPU quota was used up, of the cgroup that has the smallest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CgroupCpu {
    /// Periods (of usually 100 ms) in which something ran.
    pub periods: u64,
    /// Periods in which the quota ran out.
    pub throttled_periods: u64,
    /// How long its threads stood still for it, all CPUs together.
    pub throttled: Duration,
}

impl CgroupCpu {
    /// The share of periods between two readings in which the quota ran out, from 0 to 1; `None` where there was none.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts of periods")]
    pub fn throttled_between(earlier: &Self, later: &Self) -> Option<f64> {
        let periods = later.periods.checked_sub(earlier.periods).filter(|periods| *periods > 0)?;
        let throttled = later.throttled_periods.checked_sub(earlier.throttled_periods)?;
        Some((throttled as f64 / periods as f64).min(1.0))
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::CgroupFiles;

#[cfg(target_os = "linux")]
mod linux {
    use super::{Cgroup, CgroupCpu, CgroupMemory};
    use crate::{
        Error, ErrorKind,
        kept::Kept,
        limits::{Cgroups, Place, Version, cpu_quota},
        parse,
        psi::PsiFiles,
    };
    use perfect21_core::Bytes;
    use std::{path::Path, time::Duration};

    /// The files of our cgroup and those above, held open.
    #[derive(Debug)]
    pub(crate) struct CgroupFiles {
        memory: Result<MemoryFiles, Error>,
        cpu: Result<(Kept, Version), Error>,
        psi: PsiFiles,
    }

    impl CgroupFiles {
        pub(crate) fn open(root: &Path) -> Self {
            match Cgroups::find(root) {
                Ok(cgroups) => Self {
                    memory: MemoryFiles::open(cgroups.memory.as_ref()),
                    cpu: cpu_file(&cgroups),
                    psi: match &cgroups.unified {
                        Some(place) => PsiFiles::of_cgroup(&place.leaf),
                        None => PsiFiles::none(&absent("pressure of the cgroup")),
                    },
                },
                Err(error) => {
                    Self { memory: Err(error.clone()), cpu: Err(error.clone()), psi: PsiFiles::none(&error) }
                }
            }
        }

        pub(crate) fn read(&self) -> Cgroup {
            Cgroup {
                memory: self.memory.as_ref().map_err(Error::clone).and_then(MemoryFiles::read),
                cpu: self.cpu.as_ref().map_err(Error::clone).and_then(|(file, version)| {
                    file.parse(&mut [0; 1024], "nr_periods, nr_throttled and the time throttled", |bytes| {
                        CgroupCpu::parse(bytes, *version)
                    })
                }),
                psi: self.psi.read(),
            }
        }
    }

    #[derive(Debug)]
    struct MemoryFiles {
        version: Version,
        /// From ours upwards.
        levels: Vec<Level>,
    }

    #[derive(Debug)]
    struct Level {
        current: Kept,
        /// May be set or change at any time.
        limit: Kept,
        stat: Option<Kept>,
    }

    impl MemoryFiles {
        fn open(place: Option<&Place>) -> Result<Self, Error> {
            let place = place.ok_or_else(|| absent("memory of the cgroup"))?;
            let version = place.version;
            let mut levels = Vec::new();
            for level in place.levels() {
                let open = |name| Kept::open(level.join(name));
                match (open(version.memory_current_file()), open(version.memory_limit_file())) {
                    (Ok(current), Ok(limit)) => {
                        let stat = match open("memory.stat") {
                            Ok(stat) => Some(stat),
                            Err(error) if error.kind() == ErrorKind::Missing => None,
                            Err(error) => return Err(error),
                        };
                        levels.push(Level { current, limit, stat });
                    }
                    // The topmost one has no limit, and a level may lack the controller.
                    (Err(error), _) | (_, Err(error)) if error.kind() == ErrorKind::Missing => {}
                    (Err(error), _) | (_, Err(error)) => return Err(error),
                }
            }
            if levels.is_empty() { Err(absent("memory of the cgroup")) } else { Ok(Self { version, levels }) }
        }

        fn read(&self) -> Result<CgroupMemory, Error> {
            let mut binding = None;
            for level in &self.levels {
                let limit = self.version.memory_limit(&level.limit)?;
                let tighter = match (&binding, limit) {
                    (None, _) | (Some((_, None)), Some(_)) => true,
                    (Some((_, Some(least))), Some(limit)) => limit < *least,
                    (Some(_), None) => false,
                };
                if tighter {
                    binding = Some((level, limit));
                }
            }
            let (level, limit) = binding.ok_or_else(|| absent("memory of the cgroup"))?;
            let key = self.version.inactive_file_key();
            let inactive_file = level.stat.as_ref().map(|stat| {
                stat.parse(&mut [0; 8192], "a line `inactive_file` with a number", |bytes| {
                    parse::number_of(bytes, key)
                })
            });
            Ok(CgroupMemory {
                current: level.current.number()?.into(),
                inactive_file: inactive_file.transpose()?.map(Bytes::new),
                limit,
            })
        }
    }

    fn cpu_file(cgroups: &Cgroups) -> Result<(Kept, Version), Error> {
        let place = cgroups.cpu.as_ref().ok_or_else(|| absent("CPU time of the cgroup"))?;
        let binding = cpu_quota(cgroups)?;
        let cgroup = binding.as_ref().map_or(&place.leaf, |(_, cgroup)| cgroup);
        let file = Kept::open(cgroup.join("cpu.stat"))?;
        // Without the controller, version 2 tells only what was used.
        let counts = file.read(&mut [0; 1024])?.windows(11).any(|key| key == b"nr_periods ");
        if counts { Ok((file, place.version)) } else { Err(absent("throttling of the cgroup")) }
    }

    #[cold]
    fn absent(what: &'static str) -> Error {
        Error::unknown(what, "its controller is not mounted or not switched on")
    }

    impl CgroupCpu {
        pub(super) fn parse(bytes: &[u8], version: Version) -> Option<Self> {
            let number = |key: &[u8]| parse::number_of(bytes, key);
            let throttled = match version {
                Version::V1 => Duration::from_nanos(number(b"throttled_time ")?),
                Version::V2 => Duration::from_micros(number(b"throttled_usec ")?),
            };
            let (periods, throttled_periods) = (number(b"nr_periods ")?, number(b"nr_throttled ")?);
            Some(Self { periods, throttled_periods, throttled })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_is_a_share_of_periods() {
        let at =
            |periods, throttled_periods| CgroupCpu { periods, throttled_periods, throttled: Duration::ZERO };
        assert_eq!(CgroupCpu::throttled_between(&at(10, 1), &at(20, 6)), Some(0.5));
        assert_eq!(CgroupCpu::throttled_between(&at(10, 1), &at(10, 1)), None, "nothing ran");
        assert_eq!(CgroupCpu::throttled_between(&at(20, 6), &at(10, 1)), None, "counters went back");
    }
}
