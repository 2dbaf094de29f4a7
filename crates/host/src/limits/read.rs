use super::{Cgroups, LimitedBy, Limits, cpuset::CpuSet};
use crate::{Error, ErrorKind, kept::Kept, memory::Memory, parse};
use perfect21_core::Bytes;
use std::path::{Path, PathBuf};

impl Limits {
    /// Reads the limits of this process.
    ///
    /// # Errors
    /// Where a file that should bound us cannot be read or does not hold a limit; a controller that is not mounted
    /// or not switched on sets no limit.
    pub fn read() -> Result<Self, Error> {
        Self::read_in(Path::new("/"))
    }

    /// Reads them from the file tree under `root`.
    ///
    /// # Errors
    /// As [`Limits::read`].
    pub fn read_in(root: &Path) -> Result<Self, Error> {
        let cgroups = Cgroups::find(root)?;
        let cpu_quota = cpu_quota(&cgroups)?.map(|(quota, _)| quota);
        let (allowed, online) = cpus(root, &cgroups)?;
        let cores = cpu_quota.map_or(f64::from(allowed), |quota| quota.min(f64::from(allowed)));

        let meminfo = Kept::open(root.join("proc/meminfo"))?;
        let machine_memory = meminfo.parse(&mut [0; 4096], Memory::EXPECTED, Memory::parse)?.total;
        let (memory, memory_limited_by) = match memory_limit(&cgroups)? {
            Some((limit, cgroup)) if limit < machine_memory => (limit, LimitedBy::Cgroup(cgroup)),
            _ => (machine_memory, LimitedBy::Machine),
        };
        Ok(Self {
            cores,
            cpu_quota,
            allowed_cpus: allowed,
            online_cpus: online,
            memory,
            memory_limited_by,
            machine_memory,
        })
    }
}

/// The smallest quota on the way up, and the cgroup that sets it.
pub(crate) fn cpu_quota(cgroups: &Cgroups) -> Result<Option<(f64, PathBuf)>, Error> {
    let Some(place) = &cgroups.cpu else { return Ok(None) };
    let mut least: Option<(f64, PathBuf)> = None;
    for level in place.levels() {
        if let Some(quota) = place.version.cpu_quota(level)?
            && least.as_ref().is_none_or(|(least, _)| quota < *least)
        {
            least = Some((quota, level.to_owned()));
        }
    }
    Ok(least)
}

fn memory_limit(cgroups: &Cgroups) -> Result<Option<(Bytes, PathBuf)>, Error> {
    let Some(place) = &cgroups.memory else { return Ok(None) };
    let mut least: Option<(Bytes, PathBuf)> = None;
    for level in place.levels() {
        let file = level.join(place.version.memory_limit_file());
        let limit = optional(file, |file| place.version.memory_limit(file))?.flatten();
        if let Some(limit) = limit.filter(|limit| least.as_ref().is_none_or(|(least, _)| limit < least)) {
            least = Some((limit, level.to_owned()));
        }
    }
    Ok(least)
}

/// How many CPUs we may run on, and how many there are.
fn cpus(root: &Path, cgroups: &Cgroups) -> Result<(u32, u32), Error> {
    let status = root.join("proc/self/status");
    let affinity = optional(status, |file| {
        file.parse(&mut [0; 8192], "a line `Cpus_allowed_list: 0-3,8`", |bytes| {
            CpuSet::parse(parse::value_of(bytes, b"Cpus_allowed_list:")?)
        })
    })?;
    let cpuset = match &cgroups.cpuset {
        Some(place) => cgroup_cpus(place)?,
        None => None,
    };
    let all = root.join("sys/devices/system/cpu/online");
    let online = match (optional(all.clone(), cpu_list)?, &affinity) {
        (Some(online), _) => online,
        // Some sandboxes have no /sys.
        (None, Some(affinity)) => affinity.clone(),
        (None, None) => return Err(Error::read(&all, std::io::ErrorKind::NotFound.into())),
    };
    let mut allowed = online.clone();
    for set in [affinity, cpuset].into_iter().flatten() {
        let both = allowed.and(&set);
        // An empty set is a cpuset that was never filled: it bounds nothing.
        allowed = if both.is_empty() { allowed } else { both };
    }
    Ok((allowed.len().max(1), online.len().max(1)))
}

fn cgroup_cpus(place: &super::Place) -> Result<Option<CpuSet>, Error> {
    for name in place.version.cpuset_files() {
        if let Some(set) = optional(place.leaf.join(name), cpu_list)? {
            return Ok(Some(set));
        }
    }
    Ok(None)
}

fn cpu_list(file: &Kept) -> Result<CpuSet, Error> {
    file.parse(&mut [0; 4096], "a list of CPUs as `0-3,8`", |bytes| CpuSet::parse(bytes.trim_ascii()))
}

/// Reads a file that need not be there.
pub(super) fn optional<T>(
    path: PathBuf,
    read: impl FnOnce(&Kept) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    match Kept::open(path).and_then(|file| read(&file)) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::Missing => Ok(None),
        Err(error) => Err(error),
    }
}
