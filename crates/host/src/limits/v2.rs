//! Cgroup version 2: one hierarchy for all controllers. Kernel documentation: admin-guide/cgroup-v2.

use super::read::optional;
use crate::{Error, parse};
use std::path::Path;

pub(super) const MEMORY_LIMIT: &str = "memory.max";
pub(super) const MEMORY_CURRENT: &str = "memory.current";
pub(super) const INACTIVE_FILE: &[u8] = b"inactive_file ";
pub(super) const CPUSET: [&str; 1] = ["cpuset.cpus.effective"];

pub(super) fn memory_limit(bytes: &[u8]) -> Option<Option<u64>> {
    if bytes == b"max" { Some(None) } else { parse::number(bytes).map(Some) }
}

pub(super) fn cpu_quota(cgroup: &Path) -> Result<Option<f64>, Error> {
    let quota = optional(cgroup.join("cpu.max"), |file| {
        file.parse(&mut [0; 64], "a quota or `max`, and a period, in microseconds", |bytes| {
            let mut fields = parse::fields(bytes);
            let (quota, period) = (fields.next()?, parse::number(fields.next()?)?);
            if quota == b"max" { Some(None) } else { share(parse::number(quota)?, period).map(Some) }
        })
    })?;
    Ok(quota.flatten())
}

/// In cores; a quota or a period of zero is none that the kernel would take.
#[allow(clippy::cast_precision_loss, reason = "microseconds below 2^53")]
pub(super) fn share(quota: u64, period: u64) -> Option<f64> {
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}
