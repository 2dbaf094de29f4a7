//! Who of all processes loads a key.

use crate::{
    Error,
    backend::{Found, FullKey, Token},
    cache::{Hit, Shared},
    key::lease_of,
};
use futures_util::future::select_all;
use std::{
    future::pending,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// What came of asking for a lease.
pub(super) enum Leased<V> {
    /// It is ours: we load.
    Ours(Lease),
    /// There is a value meanwhile.
    Filled(Hit<V>),
    /// Somebody else loads, and what we have already will do.
    Theirs,
    /// Somebody else loads for as long as we may wait, or the cache does not answer: we load, and do not store.
    Without,
}

/// The right to fill a key.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub(super) key: FullKey,
    pub(super) token: Token,
    /// For how long it is held without being asked for again.
    span: Duration,
}

/// Between two looks whether another process is done, where no server tells us.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// Where one does, and may have lost the connection.
const TOLD_PAUSE: Duration = Duration::from_millis(500);

impl<V: Clone + Send + Sync + 'static> Shared<V> {
    /// Takes the lease of a key, or waits for who has it; not where `may_wait` says that there is no need. An entry that was
    /// `seen` already is not what is waited for.
    pub(super) async fn lease(
        &self,
        key: &FullKey,
        may_wait: bool,
        seen: Option<u64>,
    ) -> Result<Leased<V>, Error> {
        let token = Token::new();
        let span = self.settings.lease.unwrap_or(self.settings.load_timeout);
        let deadline = Instant::now() + self.settings.load_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let steal = self.settings.lease.is_none();
            let leased = self.core.backend.lease(FullKey::clone(key), token.clone(), span, steal).await;
            let (found, ours) = self.counted(leased)?;
            if let Some(hit) = self.fresh_of(found).await?.filter(|hit| Some(hit.written_ms) != seen) {
                if ours {
                    self.release(key, &token).await;
                }
                return Ok(Leased::Filled(hit));
            }
            if ours {
                return Ok(Leased::Ours(Lease { key: FullKey::clone(key), token, span }));
            }
            if !may_wait {
                return Ok(Leased::Theirs);
            }
            if pause == FIRST_PAUSE {
                self.counters.lease_waits.increment();
            }
            if Instant::now() + pause >= deadline {
                return Ok(Leased::Without);
            }
            self.wait(key, pause, deadline).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Until the key is written or its lease given back, where the server tells of it, or for a while.
    async fn wait(&self, key: &FullKey, pause: Duration, deadline: Instant) {
        let jitter = 0.5 + fastrand::f64();
        let keys = [FullKey::clone(key), lease_of(key).into()];
        let asked = match &self.core.near {
            Some(near) if near.store.hears_all() => near.read_many(&keys).await,
            _ => None,
        };
        let Some((found, tickets)) = asked.filter(|(found, _)| found.iter().all(Result::is_ok)) else {
            return sleep(pause.mul_f64(jitter)).await;
        };
        // Given back before we asked.
        if matches!(found.last(), Some(Ok(Found::Nothing))) {
            return;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let told = select_all(tickets.iter().map(|ticket| Box::pin(ticket.changed())));
        // Whether it was told or not: it is looked at again.
        let _ = timeout(TOLD_PAUSE.mul_f64(jitter).min(left), told).await;
    }

    pub(crate) async fn release(&self, key: &FullKey, token: &Token) {
        let released = self.core.backend.release(FullKey::clone(key), token.clone()).await;
        // It ends by itself.
        let _ = self.counted(released);
    }

    /// Asks for more time before a lease ends, as long as it is held. Never ends.
    pub(super) async fn keep(&self, lease: &Lease) -> std::convert::Infallible {
        if self.settings.lease.is_some() {
            loop {
                sleep(lease.span / 3).await;
                let Lease { key, token, span } = lease.clone();
                // One that is lost is found out when the key is filled.
                let renewed = self.core.backend.renew(key, token, span).await;
                if matches!(self.counted(renewed), Ok(false)) {
                    break;
                }
            }
        }
        pending().await
    }
}
