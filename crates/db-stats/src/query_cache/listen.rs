//! Hears of what others write, and says when it cannot.

use super::{
    catalog::{Catalog, TRIGGER},
    source::Source,
};
use crate::connect::{Heard, Session};
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// How often the catalog is read for changes by others.
const CATALOG: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Whether other writers are heard.
#[derive(Debug)]
pub(super) struct Listener {
    pub ping_interval: Duration,
    pub ping_timeout: Duration,
    /// The number of the session that hears; 0 if there is none.
    epoch: AtomicU64,
    sessions: AtomicU64,
}

impl Listener {
    pub(super) fn new(ping_interval: Duration, ping_timeout: Duration) -> Self {
        Self { ping_interval, ping_timeout, epoch: AtomicU64::new(0), sessions: AtomicU64::new(0) }
    }

    /// The session that hears.
    pub(super) fn epoch(&self) -> Option<u64> {
        Some(self.epoch.load(Ordering::Acquire)).filter(|epoch| *epoch != 0)
    }

    /// Sessions so far.
    pub(super) fn sessions(&self) -> u64 {
        self.sessions.load(Ordering::Relaxed)
    }

    fn up(&self, session: u64) {
        self.epoch.store(session, Ordering::Release);
    }

    fn down(&self, session: u64) {
        self.epoch.compare_exchange(session, 0, Ordering::AcqRel, Ordering::Relaxed).ok();
    }
}

/// The tasks of a cache: one reads the catalog, one listens where that is asked for.
#[derive(Debug, Default)]
pub(super) struct Keeper(Arc<AtomicBool>);

struct Ends(Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Keeper {
    /// Starts them if they are not there; they end with the cache, or with their runtime.
    pub(super) fn ensure(&self, source: &Arc<Source>) {
        if self.0.load(Ordering::Relaxed) || self.0.swap(true, Ordering::AcqRel) {
            return;
        }
        let ends = Ends(Arc::clone(&self.0));
        let looking = Arc::downgrade(source);
        let hearing = source.listener.as_ref().map(|_| Arc::downgrade(source));
        tokio::spawn(async move {
            let hear = async {
                if let Some(source) = &hearing {
                    again(source, hear).await;
                }
            };
            futures_util::future::join(again(&looking, look), hear).await;
            drop(ends);
        });
    }
}

/// Does it until the cache is dropped or its pool closed; 10 ms to 1 s apart while it fails.
async fn again(weak: &Weak<Source>, work: impl AsyncFn(&Weak<Source>, Arc<Source>)) {
    let mut failures = 0_u32;
    loop {
        let begin = Instant::now();
        let Some(source) = weak.upgrade().filter(|source| !source.pool.shared().is_closed()) else { return };
        work(weak, source).await;
        // What held for a while is tried again at once.
        failures = if begin.elapsed() > LONGEST_PAUSE { 0 } else { failures.saturating_add(1) };
        let pause = Duration::from_millis(10).saturating_mul(1 << failures.min(7)).min(LONGEST_PAUSE);
        sleep(pause.mul_f64(0.8 + 0.2 * fastrand::f64())).await;
    }
}

/// Reads the catalog now, and is over when it is to be read again.
async fn look(weak: &Weak<Source>, source: Arc<Source>) {
    let version = source.catalog_version();
    let read = async { source.pool.get().await?.aside(Catalog::read).await };
    // While the server is away nothing is loaded, either.
    let Ok(catalog) = read.await else { return };
    if !source.set_catalog(catalog, version) {
        return;
    }
    drop(source);
    let until = Instant::now() + CATALOG;
    while let Some(source) = weak.upgrade()
        && let Some(left) = until.checked_duration_since(Instant::now())
    {
        // A cache that is dropped is noticed within a second.
        if timeout(left.min(Duration::from_secs(1)), source.outdated.notified()).await.is_ok() {
            return;
        }
    }
}

/// One session, until it is lost.
async fn hear(weak: &Weak<Source>, source: Arc<Source>) {
    let Some(listener) = &source.listener else { return };
    let number = listener.sessions.fetch_add(1, Ordering::Relaxed) + 1;
    let heard = || Some(ear(weak.clone(), number));
    let Ok(session) = source.pool.shared().connector().connect_with(&heard).await else { return };
    let (interval, limit) = (listener.ping_interval, listener.ping_timeout);
    // What is written from here on is heard; what was written before is forgotten after.
    let listen = format!("SET statement_timeout = 0; SET idle_session_timeout = 0; LISTEN {TRIGGER}");
    if !is_in_time(limit, session.client.batch_execute(&listen)).await {
        return;
    }
    source.clear();
    listener.up(number);
    // Lost in between, it was said to be down before it was up.
    if session.wire.status().lost || session.client.is_closed() {
        listener.down(number);
        return;
    }
    drop(source);
    while weak.upgrade().is_some_and(|source| !source.pool.shared().is_closed()) {
        sleep(interval).await;
        if !is_in_time(limit, session.client.check_connection()).await {
            break;
        }
    }
    end(weak, &session, number);
}

fn end(weak: &Weak<Source>, session: &Session, number: u64) {
    if let Some(source) = weak.upgrade()
        && let Some(listener) = &source.listener
    {
        listener.down(number);
    }
    // A black hole is not waited for.
    session.driver.handle().abort();
}

async fn is_in_time<T, E>(limit: Duration, work: impl Future<Output = Result<T, E>>) -> bool {
    matches!(timeout(limit, work).await, Ok(Ok(_)))
}

/// Called by the task that reads the session, and dropped when that ends: a lost session is known at once.
fn ear(source: Weak<Source>, number: u64) -> Heard {
    struct Ear(Weak<Source>, u64);
    impl Drop for Ear {
        fn drop(&mut self) {
            if let Some(listener) = self.0.upgrade().as_ref().and_then(|source| source.listener.as_ref()) {
                listener.down(self.1);
            }
        }
    }
    let ear = Ear(source, number);
    Box::new(move |notification| {
        let ear = &ear;
        if let Some(source) = ear.0.upgrade()
            && notification.channel() == TRIGGER
        {
            source.told(notification.payload());
        }
    })
}
