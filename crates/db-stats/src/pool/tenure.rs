use crate::wire::Wire;
use parking_lot::Mutex;
use std::{
    fmt,
    panic::Location,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::AbortHandle;

/// Who has a connection, and since when.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Holder {
    /// Where [`Pool::get`](crate::Pool::get) was called.
    pub site: &'static Location<'static>,
    /// For how long it has had the connection.
    pub held: Duration,
    /// The process of the server at its other end, as in `pg_stat_activity`.
    pub process: Option<i32>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} since {:?}", self.site, self.held)?;
        match self.process {
            Some(process) => write!(f, " (process {process} of the server)"),
            None => Ok(()),
        }
    }
}

/// What others may know of a connection while somebody uses it.
#[derive(Debug)]
pub(crate) struct Tenure {
    pub wire: Arc<Wire>,
    driver: AbortHandle,
    taken: AtomicBool,
    /// When its statement began, by the clock of the maintainer; 0 while there is none, or none that is watched.
    since: AtomicU64,
    /// Found dead.
    condemned: AtomicBool,
    /// An idle connection answers to the maintainer.
    pinging: AtomicBool,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    taken: Option<(&'static Location<'static>, Instant)>,
    /// First seen idle; exact to a tick.
    idle: Option<Instant>,
    pinged: Option<Instant>,
}

impl Tenure {
    pub(crate) fn new(wire: Arc<Wire>, driver: AbortHandle) -> Self {
        Self {
            wire,
            driver,
            since: AtomicU64::new(0),
            taken: AtomicBool::new(false),
            condemned: AtomicBool::new(false),
            pinging: AtomicBool::new(false),
            last: Mutex::default(),
        }
    }

    pub(crate) fn take(&self, site: &'static Location<'static>, now: Instant) {
        *self.last.lock() = Last { taken: Some((site, now)), idle: None, pinged: None };
        self.taken.store(true, Ordering::Relaxed);
    }

    pub(crate) fn release(&self) {
        self.taken.store(false, Ordering::Relaxed);
    }

    pub(crate) fn holder(&self, now: Instant) -> Option<Holder> {
        let (site, since) = self.last.lock().taken?;
        self.taken.load(Ordering::Relaxed).then(|| Holder {
            site,
            held: now.saturating_duration_since(since),
            process: self.wire.process(),
        })
    }

    /// How long it has been idle; the first look counts as the beginning.
    pub(crate) fn idle_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.last.lock().idle.get_or_insert(now))
    }

    /// It has neither been used nor asked for this long; the caller asks now.
    pub(crate) fn is_due(&self, now: Instant, keep_alive: Duration) -> bool {
        let mut last = self.last.lock();
        let since = last.pinged.or(last.idle).unwrap_or(now);
        let due = now.saturating_duration_since(since) >= keep_alive;
        if due {
            last.pinged = Some(now);
        }
        due
    }

    pub(crate) fn pinging(&self, pinging: bool) {
        self.pinging.store(pinging, Ordering::Relaxed);
    }

    pub(crate) fn is_pinging(&self) -> bool {
        self.pinging.load(Ordering::Relaxed)
    }

    /// A statement begins, at this time in milliseconds.
    pub(crate) fn begin(&self, now: u64) {
        self.since.store(now, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// Gives a statement up that began before this time: its connection is closed, and its caller told so.
    pub(crate) fn give_up(&self, before: u64) {
        if (1..before).contains(&self.since.load(Ordering::Relaxed)) {
            self.end();
            self.condemn();
            self.driver.abort();
        }
    }

    pub(crate) fn condemn(&self) {
        self.condemned.store(true, Ordering::Release);
    }

    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned.load(Ordering::Acquire)
    }
}
