use super::ServerInfo;
use crate::{Error, RedisCache};
use perfect21_core::ConfigError;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, task::AbortHandle, time::sleep};

/// Reads every so often what the servers say of themselves, for metrics: a source of them that does no I/O, whose figures
/// have the age of the last reading. What was never read, or is older than three intervals, is no data. Clones share it; its
/// task ends with the last of them.
///
/// ```
/// # use perfect21_redis_cache::{RedisCache, ServerWatch};
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let redis = RedisCache::in_memory().build()?;
/// let servers = ServerWatch::start(&redis, Duration::from_secs(30))?;
/// servers.read().await;
/// for (server, info) in &servers.latest().expect("read just now").servers {
///     println!("{server}: {info:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerWatch(Arc<Owner>);

struct Owner {
    inner: Arc<Inner>,
    task: AbortHandle,
}

struct Inner {
    redis: RedisCache,
    interval: Duration,
    latest: Mutex<Option<Arc<ServersRead>>>,
}

/// What the servers said, and when.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServersRead {
    /// Of each server that has keys, by its address; an error where it did not answer.
    pub servers: Vec<(String, Result<ServerInfo, Error>)>,
    /// When.
    pub read_at: Instant,
}

impl ServerWatch {
    /// Reads at once, and then each `interval`.
    ///
    /// # Errors
    /// If the interval is below 100 ms, or there is no tokio runtime for its task.
    pub fn start(redis: &RedisCache, interval: Duration) -> Result<Self, ConfigError> {
        if interval < Duration::from_millis(100) {
            return Err(ConfigError::new(
                "interval",
                format_args!("{interval:?}"),
                "must be at least 100 ms",
            ));
        }
        let runtime = Handle::try_current()
            .map_err(|error| ConfigError::new("runtime", error, "must be a tokio runtime, for its task"))?;
        let inner = Arc::new(Inner { redis: redis.clone(), interval, latest: Mutex::default() });
        let task = runtime.spawn(Arc::clone(&inner).run()).abort_handle();
        Ok(Self(Arc::new(Owner { inner, task })))
    }

    /// What was read last.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<ServersRead>> {
        self.0.inner.latest().clone()
    }

    /// Reads now.
    ///
    /// # Cancel safety
    /// Dropped, nothing was read.
    pub async fn read(&self) {
        self.0.inner.read().await;
    }

    /// What was read last, and its age, unless it is too old.
    pub(super) fn aged(&self) -> Option<(Arc<ServersRead>, Duration)> {
        let read = self.latest()?;
        let age = read.read_at.elapsed();
        (age <= self.0.inner.interval.saturating_mul(3)).then_some((read, age))
    }

    pub(super) fn namespace(&self) -> &str {
        self.0.inner.redis.namespace()
    }
}

impl Inner {
    fn latest(&self) -> MutexGuard<'_, Option<Arc<ServersRead>>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) {
        let read_at = Instant::now();
        let servers = self.redis.servers().await;
        *self.latest() = Some(Arc::new(ServersRead { servers, read_at }));
    }

    async fn run(self: Arc<Self>) {
        loop {
            self.read().await;
            sleep(self.interval).await;
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for ServerWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerWatch")
            .field("interval", &self.0.inner.interval)
            .field("latest", &self.latest())
            .finish_non_exhaustive()
    }
}
