use super::{caches::Caches, outage::Line, settings::Settings, tenure::Tenure};
use crate::{connect::Connector, statement::Statements, wire::Traffic};
use parking_lot::{Mutex, RwLock};
use perfect21_meter::{Counter, LatencyCell};
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::sync::Notify;

/// What all connections of a pool refer to. It does not hold the pool: a pool that is dropped ends.
#[derive(Debug)]
pub(crate) struct Shared {
    pub settings: Settings,
    pub statements: Statements,
    connector: RwLock<Arc<Connector>>,
    /// Connections of an earlier one are closed when they come back.
    generation: AtomicU64,
    /// Callers whose connection must be opened.
    pub line: Mutex<Line>,
    /// How many of them there are: read without the lock at each return.
    pub asking: AtomicUsize,
    /// Weak, and pruned when one is added: at most twice as many as there are connections.
    roster: Mutex<Vec<Weak<Tenure>>>,
    /// A connection was closed, or the pool dropped.
    pub wake: Notify,
    /// An attempt to connect ended, well or not.
    pub opened: Notify,
    pub closed: AtomicBool,
    /// Told of what is written by way of this pool.
    pub caches: Caches,
    pub size: AtomicUsize,
    /// Apart from what is only read at each use.
    pub counts: Box<Counts>,
    /// Milliseconds since the pool was made, as of the maintainer's last look; at least 1.
    clock: AtomicU64,
    begin: Instant,
}

/// Totals, for [`Stats`](super::Stats).
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub connects: LatencyCell,
    pub connects_failed: Counter,
    pub waits: LatencyCell,
    pub exhausted: Counter,
    pub repaired: Counter,
    pub discarded: Counter,
    pub cancelled: Counter,
    pub healed: Counter,
    /// Of connections that are gone.
    pub traffic: Mutex<Traffic>,
}

impl Shared {
    pub(crate) fn new(settings: Settings, connector: Connector) -> Self {
        Self {
            statements: Statements::new(settings.max_statements),
            connector: RwLock::new(Arc::new(connector)),
            generation: AtomicU64::new(0),
            line: Mutex::default(),
            asking: AtomicUsize::new(0),
            roster: Mutex::default(),
            wake: Notify::new(),
            opened: Notify::new(),
            closed: AtomicBool::new(false),
            caches: Caches::default(),
            size: AtomicUsize::new(settings.size),
            counts: Box::default(),
            clock: AtomicU64::new(1),
            begin: Instant::now(),
            settings,
        }
    }

    pub(crate) fn connector(&self) -> Arc<Connector> {
        Arc::clone(&self.connector.read())
    }

    pub(crate) fn rotate(&self, connector: Connector) {
        *self.connector.write() = Arc::new(connector);
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn next_generation(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn enroll(&self, tenure: &Arc<Tenure>) {
        let mut roster = self.roster.lock();
        if roster.len() == roster.capacity() {
            roster.retain(|tenure| tenure.strong_count() > 0);
        }
        roster.push(Arc::downgrade(tenure));
    }

    pub(crate) fn tenures(&self) -> Vec<Arc<Tenure>> {
        self.roster.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Of all connections; one that is just being closed may be missing, or count twice.
    pub(crate) fn traffic(&self) -> Traffic {
        let mut traffic = *self.counts.traffic.lock();
        for tenure in self.tenures() {
            traffic.add(tenure.wire.traffic());
        }
        traffic
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Sets the clock, and gives up statements that the server should have ended.
    pub(crate) fn watch(&self) {
        let now = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        self.clock.store(now, Ordering::Relaxed);
        let limit = u64::try_from(self.settings.patience().as_millis()).unwrap_or(u64::MAX);
        if let Some(before) = now.checked_sub(limit) {
            for tenure in self.tenures() {
                tenure.give_up(before);
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}
