//! How many processes there are, without listing them at every tick.

use crate::{Error, kept::Directory};
use rustix::fs::FileType;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Counts processes.
///
/// Listing `/proc` costs 207 µs at 470 processes and grows with them. But the kernel adds the number of processes of
/// the whole machine to the link count of `/proc`, and the other directories there, which it counts too, do not
/// change. So outside of containers one `stat` of 1 µs is enough; inside, where processes are few, the listing is
/// taken at most every [`EVERY`].
#[derive(Debug)]
pub(crate) struct ProcessCount {
    proc: Result<Directory, Error>,
    /// Links of `/proc` that are not processes, where its link count may be used.
    other_links: Option<u64>,
    listed: Option<(u64, Instant)>,
}

const EVERY: Duration = Duration::from_secs(5);

/// The number that the first PID namespace has on every machine (`PROC_PID_INIT_INO`).
const FIRST_NAMESPACE: &[u8] = b"pid:[4026531836]";

impl ProcessCount {
    pub(crate) fn open(root: &Path) -> Self {
        let proc = Directory::open(root.join("proc"));
        let other_links = proc.as_ref().ok().and_then(other_links);
        Self { proc, other_links, listed: None }
    }

    pub(crate) fn read(&mut self, now: Instant) -> Result<u64, Error> {
        let proc = self.proc.as_ref().map_err(Error::clone)?;
        if let Some(other) = self.other_links {
            return Ok(links(proc)?.saturating_sub(other));
        }
        match self.listed {
            Some((count, at)) if now.saturating_duration_since(at) < EVERY => Ok(count),
            _ => {
                let (count, _) = list(proc)?;
                self.listed = Some((count, now));
                Ok(count)
            }
        }
    }
}

#[allow(clippy::useless_conversion, reason = "the type differs between architectures")]
fn links(proc: &Directory) -> Result<u64, Error> {
    Ok(proc.stat(".")?.st_nlink.into())
}

/// Processes and other directories.
fn list(proc: &Directory) -> Result<(u64, u64), Error> {
    let (mut processes, mut others) = (0, 0);
    proc.each(".", |name, kind| match kind {
        _ if name.iter().all(u8::is_ascii_digit) => processes += 1,
        FileType::Directory => others += 1,
        _ => {}
    })?;
    Ok((processes, others))
}

fn other_links(proc: &Directory) -> Option<u64> {
    let namespace = std::fs::read_link(proc.path().join("self/ns/pid")).ok()?;
    if !proc.is_proc() || namespace.as_os_str().as_encoded_bytes() != FIRST_NAMESPACE {
        return None;
    }
    let (processes, others) = list(proc).ok()?;
    // A directory has two links of its own.
    let other_links = others + 2;
    // `/proc` may hide processes or all else from us (hidepid, subset): then the two do not agree.
    let by_links = links(proc).ok()?.checked_sub(other_links)?;
    (by_links.abs_diff(processes) <= 8 + processes / 8).then_some(other_links)
}
