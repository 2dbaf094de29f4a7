use super::{Sweep, Swept};
use crate::Error;
use perfect21_core::ConfigError;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, task::JoinHandle, time::sleep};

/// A [`Sweep`] that runs again and again; dropped, it ends. One that fails is tried again at its next time.
#[must_use = "dropped, it ends"]
pub struct Janitor {
    task: JoinHandle<()>,
    last: Arc<Mutex<Option<Run>>>,
}

/// When a run ended, and what came of it.
type Run = (Instant, Result<Swept, Error>);

impl Janitor {
    pub(super) fn start(sweep: Sweep, interval: Duration) -> Result<Self, ConfigError> {
        if interval < Duration::from_millis(1) {
            return Err(ConfigError::new("interval", format_args!("{interval:?}"), "must be at least 1 ms"));
        }
        let Ok(runtime) = Handle::try_current() else {
            return Err(ConfigError::new("runtime", "none", "every() must be called within a tokio runtime"));
        };
        let last = Arc::new(Mutex::new(None));
        let told = Arc::clone(&last);
        let task = runtime.spawn(async move {
            loop {
                sleep(interval).await;
                let swept = sweep.run().await;
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), swept));
            }
        });
        Ok(Self { task, last })
    }

    /// What came of the last run, and how long ago it ended; `None` before the first has ended.
    #[must_use]
    pub fn last(&self) -> Option<(Duration, Result<Swept, Error>)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.map(|(ended, swept)| (ended.elapsed(), swept))
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Janitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Janitor").field("last", &self.last()).finish_non_exhaustive()
    }
}
