//! Cgroup version 1: a hierarchy per controller. Kernel documentation: admin-guide/cgroup-v1.

use super::read::optional;
use crate::{Error, parse};
use std::path::Path;

pub(super) const MEMORY_LIMIT: &str = "memory.limit_in_bytes";
pub(super) const MEMORY_CURRENT: &str = "memory.usage_in_bytes";
pub(super) const INACTIVE_FILE: &[u8] = b"total_inactive_file ";
pub(super) const CPUSET: [&str; 2] = ["cpuset.effective_cpus", "cpuset.cpus"];

/// "No limit" is the largest multiple of the page size, so anything beyond an exbibyte is none.
const UNLIMITED: u64 = 1 << 60;

pub(super) fn memory_limit(bytes: &[u8]) -> Option<Option<u64>> {
    match bytes {
        b"-1" => Some(None),
        _ => Some(Some(parse::number(bytes)?).filter(|limit| *limit < UNLIMITED)),
    }
}

/// `-1`, as any negative number, is no quota.
pub(super) fn cpu_quota(cgroup: &Path) -> Result<Option<f64>, Error> {
    let quota = optional(cgroup.join("cpu.cfs_quota_us"), |file| {
        file.parse(&mut [0; 32], "a number of microseconds, or -1", |bytes| parse::signed(bytes.trim_ascii()))
    })?;
    let Some(quota) = quota.and_then(|quota| u64::try_from(quota).ok()).filter(|quota| *quota > 0) else {
        return Ok(None);
    };
    optional(cgroup.join("cpu.cfs_period_us"), |file| {
        file.parse(&mut [0; 32], "a number of microseconds above zero", |bytes| {
            super::v2::share(quota, parse::number(bytes.trim_ascii())?)
        })
    })
}
