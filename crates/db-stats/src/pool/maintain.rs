//! The one task in the background of a pool: it keeps the idle connections few, young and alive.

use super::{Manager, opener, shared::Shared, tenure::Tenure};
use deadpool::managed::{Pool, Timeouts, WeakPool};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::timeout;
use tokio_postgres::Client;

/// Whether the task is there; it ends with its runtime, and the next caller starts it anew on another one.
#[derive(Debug, Default)]
pub(super) struct Running(Arc<AtomicBool>);

impl Running {
    pub(super) fn ensure(&self, pool: &Pool<Manager>, shared: &Arc<Shared>) {
        if self.0.load(Ordering::Relaxed) || self.0.swap(true, Ordering::AcqRel) {
            return;
        }
        let running = Ends(Arc::clone(&self.0));
        tokio::spawn(maintain(running, pool.weak(), Arc::clone(shared)));
    }
}

struct Ends(Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

async fn maintain(running: Ends, pool: WeakPool<Manager>, shared: Arc<Shared>) {
    let tick = shared.settings.tick();
    loop {
        // Woken when a connection was closed, so that a minimum is kept, and when the pool is dropped.
        let woken = timeout(tick, shared.wake.notified()).await.is_ok();
        {
            let Some(pool) = pool.upgrade() else { break };
            shared.watch();
            for (client, tenure) in sweep(&pool, &shared) {
                tokio::spawn(ping(client, tenure, Arc::clone(&shared)));
            }
            refill(&pool, &shared);
        }
        if woken {
            // Not once for each of many that are closed at once.
            tokio::time::sleep(Duration::from_millis(10).min(tick)).await;
        }
    }
    drop(running);
}

/// Closes what is old, dead or too much; gives those that are to be asked whether they live.
fn sweep(pool: &Pool<Manager>, shared: &Shared) -> Vec<(Arc<Client>, Arc<Tenure>)> {
    let settings = &shared.settings;
    let now = Instant::now();
    let status = pool.status();
    let mut surplus = status.size.saturating_sub(shared.size.load(Ordering::Relaxed));
    let mut spare = status.available.saturating_sub(settings.min_idle);
    let mut due = Vec::new();
    // From the one that was used least recently.
    let swept = pool.retain(|conn, _| {
        let idle = conn.tenure.idle_for(now);
        if !conn.is_fit() || conn.is_old(now) {
            return false;
        }
        let too_many = surplus > 0 && idle >= settings.tick();
        if too_many || (spare > 0 && idle >= settings.idle_timeout) {
            surplus = surplus.saturating_sub(1);
            spare = spare.saturating_sub(1);
            return false;
        }
        if conn.tenure.is_due(now, settings.keep_alive) {
            conn.tenure.pinging(true);
            due.push((Arc::clone(&conn.client), Arc::clone(&conn.tenure)));
        }
        true
    });
    shared.counts.discarded.add(swept.removed.len() as u64);
    // Opened for callers that were gone by then, and older than a tick.
    let ready: Vec<_> = {
        let mut line = shared.line.lock();
        if line.ahead > 0 { Vec::new() } else { line.ready.drain(..).collect() }
    };
    drop(ready);
    due
}

async fn ping(client: Arc<Client>, tenure: Arc<Tenure>, shared: Arc<Shared>) {
    let answer = timeout(shared.settings.connect_timeout, client.check_connection()).await;
    if !matches!(answer, Ok(Ok(()))) {
        tenure.condemn();
        shared.wake.notify_one();
    }
    tenure.pinging(false);
}

/// How many connections are missing for the minimum of idle ones.
fn missing(pool: &Pool<Manager>, shared: &Shared) -> usize {
    let status = pool.status();
    let room = shared.size.load(Ordering::Relaxed).saturating_sub(status.size);
    shared.settings.min_idle.saturating_sub(status.available).min(room)
}

/// Begins to open what is missing, and takes in what is open by now.
pub(super) fn refill(pool: &Pool<Manager>, shared: &Arc<Shared>) -> usize {
    let ready = {
        let mut line = shared.line.lock();
        line.ready.retain(|conn| conn.is_fit());
        line.ahead = missing(pool, shared);
        line.ready.len()
    };
    if ready > 0 {
        adopt(pool, shared, ready);
    }
    let missing = missing(pool, shared);
    shared.line.lock().ahead = missing;
    if missing > 0 {
        opener::start(shared);
    }
    missing
}

/// deadpool takes connections in by callers only: the idle ones are held for a moment, so that the next callers find
/// the ones that are ready.
fn adopt(pool: &Pool<Manager>, shared: &Shared, most: usize) {
    let at_once = Timeouts { wait: Some(Duration::ZERO), create: None, recycle: None };
    let mut held = Vec::new();
    for _ in 0..pool.status().available.saturating_add(most) {
        if shared.line.lock().ready.is_empty() {
            break;
        }
        match futures_util::FutureExt::now_or_never(pool.timeout_get(&at_once)) {
            Some(Ok(object)) => held.push(object),
            _ => break,
        }
    }
}
