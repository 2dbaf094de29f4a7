use perfect21_host::Limits;

/// How many threads and workers fit what a service may use of its machine.
///
/// A container that may use two of a host's sixty-four cores must not start sixty-four workers: they would take turns
/// on two cores, each with its own stack, caches and queue, and be stopped together whenever the quota is used up. So
/// all counts come from [`Limits::cores`], the least of quota, cpuset, affinity and online CPUs.
///
/// | what it does | count | why |
/// |---|---|---|
/// | polls futures | cores, rounded up | it never waits: more would take turns, fewer would leave cores idle |
/// | computes | cores, rounded down | a started core is a quota that runs out in the middle of a computation |
/// | blocks | 4 × cores | it mostly waits: at three quarters of waiting, four for each core keep it busy |
/// | is a process of its own | 2 × cores, at most 8 | one event loop each, which waits half of the time; beyond eight the memory of another costs more than it brings |
///
/// They are starting points. What a [`ThreadPool`](crate::ThreadPool) needs shows in how long its oldest job waits, and it
/// grows by that; what a server bears is found by a [`Limit`](crate::Limit).
///
/// ```
/// use perfect21_concurrency::Sizing;
///
/// let sizing = Sizing::for_cores(1.5);
/// assert_eq!(sizing.async_workers(), 2);
/// assert_eq!(sizing.blocking_threads(), 6);
/// assert_eq!(Sizing::for_cores(64.0).processes(), 8);
/// ```
///
/// For the machine at hand:
///
/// ```
/// use perfect21_concurrency::{Limits, Sizing};
///
/// let sizing = Sizing::from(&Limits::read()?);
/// let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(sizing.async_workers()).build();
/// # Ok::<(), perfect21_host::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizing {
    cores: f64,
}

impl Sizing {
    /// For so many cores; anything below a tenth of one, and what is not a number, counts as a tenth.
    #[must_use]
    pub fn for_cores(cores: f64) -> Self {
        Self { cores: if cores.is_nan() { 0.1 } else { cores.clamp(0.1, 1e6) } }
    }

    /// Worker threads of an async runtime: one for each core, and one for a started one. They never wait, so more would
    /// only take turns.
    #[must_use]
    pub fn async_workers(&self) -> usize {
        self.cores.ceil() as usize
    }

    /// Threads for calls that block on something else, such as files: four for each core, because they mostly wait.
    #[must_use]
    pub fn blocking_threads(&self) -> usize {
        (self.cores * 4.0).ceil() as usize
    }

    /// Threads for computations: whole cores, so that they leave the started one to everything else.
    #[must_use]
    pub fn compute_threads(&self) -> usize {
        (self.cores.floor() as usize).max(1)
    }

    /// Processes of a server that runs one event loop each: two for each core, at most eight. A multi-threaded runtime
    /// needs only one process; this is for what stands beside it, such as an application server of another language.
    #[must_use]
    pub fn processes(&self) -> usize {
        ((self.cores * 2.0).ceil() as usize).clamp(1, 8)
    }
}

impl From<&Limits> for Sizing {
    fn from(limits: &Limits) -> Self {
        Self::for_cores(limits.cores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_at_least_one_and_follows_the_cores() {
        for (cores, workers, blocking, compute, processes) in [
            (f64::NAN, 1, 1, 1, 1),
            (-1.0, 1, 1, 1, 1),
            (0.25, 1, 1, 1, 1),
            (1.0, 1, 4, 1, 2),
            (2.5, 3, 10, 2, 5),
            (4.0, 4, 16, 4, 8),
            (96.0, 96, 384, 96, 8),
        ] {
            let s = Sizing::for_cores(cores);
            let counts = (s.async_workers(), s.blocking_threads(), s.compute_threads(), s.processes());
            assert_eq!(counts, (workers, blocking, compute, processes), "{cores} cores");
        }
    }
}
