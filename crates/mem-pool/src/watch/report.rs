//! What a tick saw, and what a clean-up gave back.

use super::PartTrimmed;
use perfect21_core::{Bytes, Pressure, Trimmed};
use perfect21_host::{CgroupMemory, Error, ErrorKind, Sample, Stalls};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What stands for a level of pressure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Our resident memory against the threshold of our own.
    Rss,
    /// What our cgroup uses, all its processes together, against its limit.
    CgroupLimit,
    /// The machine's memory, all processes together.
    Machine,
    /// Time in which work waited for memory (PSI).
    Stall,
}

impl Signal {
    pub(super) const ALL: [Self; 4] = [Self::Rss, Self::CgroupLimit, Self::Machine, Self::Stall];
}

/// What was read at a tick. What could not be read is an error that names the file, and counts for nothing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Readings {
    /// Resident memory of the process.
    pub rss: Result<Bytes, Error>,
    /// What is used in the cgroup that has that limit, without page cache that the kernel can take back; `None` where
    /// it does not tell how much that is.
    pub cgroup_used: Result<Option<Bytes>, Error>,
    /// The smallest memory limit of our cgroups; `None` where there is none.
    pub cgroup_limit: Result<Option<Bytes>, Error>,
    /// The share of the machine's memory that is not available any more.
    pub machine_used: Result<f64, Error>,
    /// Waiting for memory, of our cgroup where the kernel tells it, else of the machine; `None` where it does not.
    pub stalls: Result<Option<Stalls>, Error>,
}

impl Readings {
    pub(super) fn of(sample: &Sample) -> Self {
        let stalls = sample.cgroup.psi.memory.as_ref().or_else(|error| match error.kind() {
            ErrorKind::Missing => sample.psi.memory.as_ref(),
            _ => Err(error),
        });
        let cgroup = none_where_missing(sample.cgroup.memory.as_ref());
        let used = |memory: &CgroupMemory| memory.inactive_file.map(|_| memory.working_set());
        Self {
            cgroup_used: cgroup.clone().map(|memory| memory.and_then(used)),
            rss: sample.process.as_ref().map(|process| process.rss).map_err(Error::clone),
            cgroup_limit: cgroup.map(|memory| memory?.limit),
            machine_used: sample.memory.as_ref().map(|memory| memory.used_ratio()).map_err(Error::clone),
            stalls: none_where_missing(stalls).map(|stalls| stalls.copied()),
        }
    }

    /// What could not be read, by its signal.
    pub fn errors(&self) -> impl Iterator<Item = (Signal, &Error)> {
        [
            (Signal::Rss, self.rss.as_ref().err()),
            (Signal::CgroupLimit, self.cgroup_limit.as_ref().err()),
            (Signal::Machine, self.machine_used.as_ref().err()),
            (Signal::Stall, self.stalls.as_ref().err()),
        ]
        .into_iter()
        .filter_map(|(signal, error)| Some((signal, error?)))
    }

    /// The values by which a signal is [`Pressure::Elevated`] and [`Pressure::Critical`].
    #[allow(clippy::cast_precision_loss, reason = "sizes below 2^53")]
    pub(super) fn values(&self, signal: Signal) -> (Option<f64>, Option<f64>) {
        let rss = || self.rss.as_ref().ok().map(|rss| rss.get() as f64);
        let value = match signal {
            Signal::Rss => rss(),
            Signal::CgroupLimit => {
                let limit = self.cgroup_limit.as_ref().ok().copied().flatten();
                let used = self.cgroup_used.as_ref().ok().copied().flatten().map(|used| used.get() as f64);
                // Where it is not known what all use, our own part of it is better than nothing. A limit of zero is one
                // that we are past.
                used.or_else(rss).zip(limit).map(|(used, limit)| used / limit.get().max(1) as f64)
            }
            Signal::Machine => self.machine_used.as_ref().ok().copied(),
            Signal::Stall => {
                let stalls = self.stalls.as_ref().ok().copied().flatten();
                let full = stalls.and_then(|stalls| stalls.full).map(|full| full.avg10);
                return (stalls.map(|stalls| stalls.some.avg10), full);
            }
        };
        (value, value)
    }
}

/// A machine or kernel that does not offer a figure is no error.
fn none_where_missing<T>(result: Result<T, &Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::Missing => Ok(None),
        Err(error) => Err(error.clone()),
    }
}

/// What one [`Watch::tick`](super::Watch::tick) saw and did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Tick {
    /// When.
    pub at: Instant,
    /// How short memory is.
    pub level: Pressure,
    /// What says so; `None` at [`Pressure::Routine`].
    pub cause: Option<Signal>,
    /// What was read.
    pub readings: Readings,
    /// What was given back, where something was due.
    pub cleanup: Option<Arc<Cleanup>>,
}

/// What a clean-up gave back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cleanup {
    /// How much was asked for.
    pub pressure: Pressure,
    /// What each part gave back, in the order of registration.
    pub parts: Vec<PartTrimmed>,
    /// Resident memory of the process before.
    pub rss_before: Option<Bytes>,
    /// Resident memory of the process afterwards, with all that other threads allocated and freed meanwhile.
    pub rss_after: Option<Bytes>,
    /// How long it took, the allocator's part included.
    pub took: Duration,
}

impl Cleanup {
    /// What the parts dropped, by their own accounts.
    #[must_use]
    pub fn trimmed(&self) -> Trimmed {
        let mut sum = Trimmed::default();
        for trimmed in self.parts.iter().filter_map(|part| part.trimmed) {
            sum += trimmed;
        }
        sum
    }

    /// By how much resident memory fell; zero where it rose, `None` where it is not known.
    #[must_use]
    pub fn released(&self) -> Option<Bytes> {
        let (before, after) = (self.rss_before?, self.rss_after?);
        Some(Bytes::new(before.get().saturating_sub(after.get())))
    }

    /// The parts that panicked.
    pub fn panicked(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter(|part| part.trimmed.is_none()).map(|part| part.name.as_str())
    }
}
