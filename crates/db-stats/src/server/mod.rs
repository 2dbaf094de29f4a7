//! What the server says of itself, read every so often.

mod builder;
mod facts;
mod observe;

use crate::{Pool, error::Error};
use parking_lot::Mutex;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Notify, task::AbortHandle, time::timeout};

pub use builder::ServerWatchBuilder;
pub use facts::{RunningStatement, ServerFacts};

/// Reads every 30 s what a server says of itself: connections, running and slow statements, cache hit rate, size. Clones
/// share it; its task ends with the last of them.
///
/// As a source of metrics and facts it does no I/O: each figure has the age of the last reading, and what was never read, or
/// is older than three intervals, is no data.
///
/// ```no_run
/// # async fn example(pool: perfect21_db_stats::Pool) -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_db_stats::ServerWatch;
///
/// let server = ServerWatch::builder(pool).build()?;
/// server.read().await?;
/// let facts = server.latest().expect("read just now");
/// println!("{} statements run, the longest for {:?}", facts.active, facts.longest_running);
/// # Ok(())
/// # }
/// ```
///
/// # Cost
/// Two statements on a connection of the pool for each reading, 2 ms or so: the size of a database with many files takes
/// longer.
///
/// # What it does not see
/// Without the rights of `pg_read_all_stats` the server hides what others run; how many sessions that concerns is
/// [told](ServerFacts::hidden).
#[derive(Clone)]
pub struct ServerWatch(Arc<Owner>);

struct Owner {
    inner: Arc<Inner>,
    task: AbortHandle,
}

struct Inner {
    pool: Pool,
    interval: Duration,
    slow_after: Duration,
    latest: Mutex<Latest>,
    asked: Notify,
    /// One at a time: another one's statements would be in its figures.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Latest {
    facts: Option<Arc<ServerFacts>>,
    /// Since when it fails, and why.
    failure: Option<(Instant, Arc<Error>)>,
    failures: u64,
}

impl ServerWatch {
    /// Begins one for the server of this pool.
    pub fn builder(pool: Pool) -> ServerWatchBuilder {
        ServerWatchBuilder::new(pool)
    }

    /// What was read last; [`ServerFacts::read_at`] says when.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<ServerFacts>> {
        self.0.inner.latest.lock().facts.clone()
    }

    /// Why the last reading failed, and for how long they have been failing; `None` if it did not.
    #[must_use]
    pub fn failure(&self) -> Option<(Duration, Arc<Error>)> {
        let latest = self.0.inner.latest.lock();
        latest.failure.as_ref().map(|(since, error)| (since.elapsed(), Arc::clone(error)))
    }

    /// Reads now; the next reading is an interval later.
    ///
    /// # Errors
    /// As [`Pool::get`] and [`Connection::query`](crate::Connection::query).
    ///
    /// # Cancel safety
    /// Dropped, nothing was read.
    pub async fn read(&self) -> Result<(), Error> {
        self.0.inner.read().await?;
        self.0.inner.asked.notify_one();
        Ok(())
    }
}

impl Inner {
    async fn read(&self) -> Result<(), Error> {
        let _alone = self.reading.lock().await;
        let before = self.latest.lock().facts.clone();
        let facts = ServerFacts::read(&self.pool, self.slow_after, before.as_deref()).await?;
        let mut latest = self.latest.lock();
        latest.facts = Some(Arc::new(facts));
        latest.failure = None;
        Ok(())
    }

    async fn run(self: Arc<Self>) {
        loop {
            if let Err(error) = self.read().await {
                let mut latest = self.latest.lock();
                let since = latest.failure.as_ref().map_or_else(Instant::now, |(since, _)| *since);
                latest.failure = Some((since, Arc::new(error)));
                latest.failures += 1;
            }
            // One that was asked for counts as this interval's.
            while timeout(self.interval, self.asked.notified()).await.is_ok() {}
        }
    }

    /// Older facts are none.
    fn limit(&self) -> Duration {
        self.interval.saturating_mul(3)
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
