//! Waiting for an event under a named deadline, instead of sleeping and hoping.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

use crate::Error;

/// The deadline of everything in this crate that waits: generous, since a busy machine is no failure.
pub const DEADLINE: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(3);

/// Calls `look` every few milliseconds until it gives `Ok`, for [`DEADLINE`] at most.
///
/// The `Err` of `look` is the state as a person would want to read it; the last one stands in the error.
///
/// # Errors
///
/// [`Error::Deadline`], with the state that was seen last.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use perfect21_test_support::wait;
///
/// let done = AtomicU32::new(0);
/// std::thread::scope(|scope| {
///     scope.spawn(|| done.store(7, Ordering::Release));
///     wait::until("the other thread's seven", || match done.load(Ordering::Acquire) {
///         7 => Ok(()),
///         other => Err(format!("done = {other}")),
///     })
/// })?;
/// # Ok::<(), perfect21_test_support::Error>(())
/// ```
pub fn until<T, S: Display>(what: &str, look: impl FnMut() -> Result<T, S>) -> Result<T, Error> {
    until_within(DEADLINE, what, look)
}

/// [`until`], with a deadline of its own.
///
/// # Errors
///
/// [`Error::Deadline`], with the state that was seen last.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use perfect21_test_support::{ErrorKind, wait};
///
/// let never = wait::until_within(Duration::from_millis(10), "snow", || Err::<(), _>("sunshine"));
/// let error = never.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Deadline);
/// assert_eq!(error.to_string(), "snow did not happen within 10ms; last seen: sunshine");
/// ```
pub fn until_within<T, S: Display>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, S>,
) -> Result<T, Error> {
    let end = Instant::now() + deadline;
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(seen) if Instant::now() >= end => {
                return Err(Error::Deadline {
                    what: what.to_owned(),
                    after: deadline,
                    seen: seen.to_string(),
                });
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
