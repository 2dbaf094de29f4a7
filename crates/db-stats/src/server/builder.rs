use super::{Inner, Latest, Owner, ServerWatch};
use crate::Pool;
use parking_lot::Mutex;
use perfect21_core::ConfigError;
use std::{sync::Arc, time::Duration};
use tokio::{runtime::Handle, sync::Notify};

/// Settings of a [`ServerWatch`]; made by [`ServerWatch::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until .build()"]
pub struct ServerWatchBuilder {
    pool: Pool,
    interval: Duration,
    slow_after: Duration,
}

impl ServerWatchBuilder {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool, interval: Duration::from_secs(30), slow_after: Duration::from_millis(500) }
    }

    /// From one reading to the next. Default: 30 s.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long a statement runs to count as slow. Default: 500 ms.
    pub fn slow_after(mut self, time: Duration) -> Self {
        self.slow_after = time;
        self
    }

    /// Starts it, with a first reading at once in the background.
    ///
    /// # Errors
    /// If the interval is below 100 ms, or there is no tokio runtime for its task.
    pub fn build(self) -> Result<ServerWatch, ConfigError> {
        let shortest = Duration::from_millis(100);
        if self.interval < shortest {
            let value = format_args!("{:?}", self.interval).to_string();
            return Err(ConfigError::new("interval", value, "must be at least 100 ms"));
        }
        let runtime = Handle::try_current()
            .map_err(|error| ConfigError::new("runtime", error, "must be a tokio runtime, for its task"))?;
        let inner = Arc::new(Inner {
            pool: self.pool,
            interval: self.interval,
            slow_after: self.slow_after,
            latest: Mutex::new(Latest::default()),
            asked: Notify::new(),
            reading: tokio::sync::Mutex::default(),
        });
        let task = runtime.spawn(Arc::clone(&inner).run()).abort_handle();
        Ok(ServerWatch(Arc::new(Owner { inner, task })))
    }
}
