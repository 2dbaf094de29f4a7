use std::time::Duration;

/// CPU time this thread has used, where the system tells it.
#[cfg(unix)]
pub(crate) fn of_this_thread() -> Option<Duration> {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(Duration::new(u64::try_from(spent.tv_sec).ok()?, u32::try_from(spent.tv_nsec).ok()?))
}

#[cfg(not(unix))]
pub(crate) fn of_this_thread() -> Option<Duration> {
    None
}
