//! Where tasks run that nobody waits for.

use std::{pin::Pin, time::Duration};

/// What a [`Runtime`] runs.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the loads of a [`Loader`](crate::Loader) and a [`Janitor`](crate::Janitor) run, and who counts their time.
/// Nothing else here needs one.
///
/// With the feature `tokio` there is [`Tokio`]; for another, these are two calls:
///
/// ```
/// use perfect21_smart_cache::{Runtime, runtime::Task};
/// use std::{thread, time::Duration};
///
/// struct Threads;
///
/// impl Runtime for Threads {
///     fn spawn(&self, task: Task) {
///         thread::spawn(move || futures_util::future::FutureExt::now_or_never(task));
///     }
///
///     fn sleep(&self, _: Duration) -> Task {
///         Box::pin(std::future::pending()) // no timeouts
///     }
/// }
/// ```
pub trait Runtime: Send + Sync + 'static {
    /// Runs the task to its end, whoever waits for it.
    fn spawn(&self, task: Task);

    /// Is ready after so long.
    fn sleep(&self, duration: Duration) -> Task;
}

/// The tokio runtime that the calling thread is in; outside of one, what needs it panics.
#[cfg(feature = "tokio")]
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "only a name")]
pub struct Tokio;

#[cfg(feature = "tokio")]
impl Runtime for Tokio {
    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }

    fn sleep(&self, duration: Duration) -> Task {
        Box::pin(tokio::time::sleep(duration))
    }
}
