mod builder;
mod caches;
mod control;
mod maintain;
mod manager;
pub(crate) mod opener;
mod outage;
mod settings;
mod shared;
mod stats;
mod tenure;

use crate::{connection::Connection, error::Error, statement::Statements};
use deadpool::managed::{self, Object, PoolError, Timeouts};
use std::{
    fmt,
    panic::Location,
    pin::{Pin, pin},
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    task::Poll,
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::timeout_at};
use tokio_postgres::Config;

pub use builder::PoolBuilder;
pub(crate) use caches::Watch;
pub(crate) use manager::Manager;
pub use settings::Reset;
pub(crate) use settings::Settings;
pub(crate) use shared::Shared;
pub use stats::Stats;
pub use tenure::Holder;
pub(crate) use tenure::Tenure;

/// Beyond any wait that makes sense, and within what a clock can hold.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// Within a get the wait is bounded as a whole.
const UNBOUNDED: Timeouts = Timeouts { wait: None, create: None, recycle: None };

type Taken = Result<Object<Manager>, PoolError<Arc<crate::connect::ConnectError>>>;

/// Connections to one PostgreSQL server; clones share them.
///
/// # Runtime
/// It needs tokio, with I/O and time. The first [`get`](Self::get) or [`fill`](Self::fill) starts one task that keeps the
/// minimum of idle connections, their lifetimes and their keep-alive; it ends when the last clone is dropped. Each
/// connection has a task of its own on the runtime that opened it: of a runtime that ends, the connections end.
///
/// # Bounds
/// Connections: [`max_size`](PoolBuilder::max_size), or size and overflow. Statements kept prepared: on each connection
/// [`max_prepared`](PoolBuilder::max_prepared). Callers that wait are not bounded here; each ends at its time-out.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

pub(crate) struct Inner {
    pool: managed::Pool<Manager>,
    shared: Arc<Shared>,
    running: maintain::Running,
    paused: AtomicBool,
    resumed: Notify,
}

impl Pool {
    /// Begins a pool for this server, user and database.
    pub fn builder(config: Config) -> PoolBuilder {
        PoolBuilder::new(config)
    }

    /// Takes a connection that nobody uses, opens one, or waits for one: callers in order of arrival, connections the one
    /// that was used last first. While the server is not reached, callers wait for it until their own time-out.
    ///
    /// # Errors
    /// [`Exhausted`](crate::ErrorKind::Exhausted) if none became free in time,
    /// [`Unreachable`](crate::ErrorKind::Unreachable) if none could be opened, at once where waiting cannot help: wrong
    /// credentials, no such database. [`Paused`](crate::ErrorKind::Paused), [`Closed`](crate::ErrorKind::Closed).
    ///
    /// # Cancel safety
    /// A dropped future leaves the queue; a connection that is being opened for it goes to the next caller.
    ///
    /// # Panics
    /// If it is polled outside of a tokio runtime.
    #[track_caller]
    pub fn get(&self) -> impl Future<Output = Result<Connection, Error>> + Send + '_ {
        let site = Location::caller();
        self.take(site)
    }

    async fn take(&self, site: &'static Location<'static>) -> Result<Connection, Error> {
        let inner = &*self.0;
        inner.running.ensure(&inner.pool, &inner.shared);
        if inner.paused.load(Ordering::Acquire) {
            return self.take_later(site, Instant::now(), None).await;
        }
        let mut taking = pin!(inner.pool.timeout_get(&UNBOUNDED));
        // A connection that is free needs neither clock nor timer.
        match std::future::poll_fn(|cx| Poll::Ready(taking.as_mut().poll(cx))).await {
            Poll::Ready(Ok(object)) => Ok(self.lend(object, site, None)),
            Poll::Ready(Err(error)) => Err(self.refuse(error, Duration::ZERO)),
            Poll::Pending => self.take_later(site, Instant::now(), Some(taking)).await,
        }
    }

    #[cold]
    async fn take_later(
        &self,
        site: &'static Location<'static>,
        begin: Instant,
        taking: Option<Pin<&mut (dyn Future<Output = Taken> + Send)>>,
    ) -> Result<Connection, Error> {
        let inner = &*self.0;
        let limit = inner.shared.settings.wait_timeout;
        let wait = async {
            match taking {
                Some(taking) => taking.await,
                None => {
                    inner.until_resumed().await;
                    inner.pool.timeout_get(&UNBOUNDED).await
                }
            }
        };
        // One reading of the clock for both.
        match timeout_at(begin.checked_add(limit).unwrap_or(begin + NEVER).into(), wait).await {
            Ok(Ok(object)) => Ok(self.lend(object, site, Some(begin))),
            Ok(Err(error)) => Err(self.refuse(error, begin.elapsed())),
            Err(_) => Err(self.in_vain(limit)),
        }
    }

    fn lend(
        &self,
        object: Object<Manager>,
        site: &'static Location<'static>,
        begin: Option<Instant>,
    ) -> Connection {
        // It was looked at just now.
        let metrics = Object::metrics(&object);
        let now = metrics.recycled.unwrap_or(metrics.created);
        let wait = begin.map_or(Duration::ZERO, |begin| now.saturating_duration_since(begin));
        self.0.shared.counts.waits.record(wait);
        object.tenure.take(site, now);
        Connection::new(object, wait)
    }

    #[cold]
    fn refuse(&self, error: PoolError<Arc<crate::connect::ConnectError>>, waited: Duration) -> Error {
        match error {
            PoolError::Closed => Error::closed(),
            PoolError::Backend(_) if self.0.shared.is_closed() => Error::closed(),
            PoolError::Backend(cause) => {
                let since = self.0.shared.line.lock().outage.as_ref().map(|outage| outage.since.elapsed());
                Error::unreachable(since.unwrap_or_default(), cause)
            }
            // There are no time-outs within, and no hooks.
            _ => Error::slow(waited),
        }
    }

    /// What a caller waited for in vain.
    #[cold]
    fn in_vain(&self, waited: Duration) -> Error {
        let inner = &*self.0;
        if inner.paused.load(Ordering::Acquire) {
            return Error::paused(waited);
        }
        let status = inner.pool.status();
        let in_use = self.holders();
        if in_use.len() < status.max_size {
            let outage = inner.shared.line.lock().outage.clone();
            return match outage {
                Some(outage) => Error::unreachable(outage.since.elapsed(), outage.cause),
                None => Error::slow(waited),
            };
        }
        inner.shared.counts.exhausted.increment();
        // This caller counts as one that waits.
        Error::exhausted(status.max_size, in_use.len(), status.waiting, waited, in_use.first().copied())
    }

    /// What the statements of this pool cost.
    #[must_use]
    pub fn statements(&self) -> &Statements {
        &self.0.shared.statements
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.0.paused.load(Ordering::Acquire)
    }

    pub(crate) async fn until_resumed(&self) {
        self.0.until_resumed().await;
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.shared.settings.name
    }
}

impl Inner {
    async fn until_resumed(&self) {
        loop {
            let resumed = self.resumed.notified();
            if !self.paused.load(Ordering::Acquire) {
                return;
            }
            resumed.await;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        let ready = {
            let mut line = self.shared.line.lock();
            line.ahead = 0;
            std::mem::take(&mut line.ready)
        };
        drop(ready);
        self.shared.wake.notify_one();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.name())
            .field("status", &self.0.pool.status())
            .finish_non_exhaustive()
    }
}
