use super::{prepared::Prepared, session::Changes, writes::Writes};
use crate::{
    connect::{Driver, Peer, Session},
    pool::{Reset, Shared, Tenure},
    wire::{Status, Transaction, Wire},
};
use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, time::timeout};
use tokio_postgres::{Client, error::SqlState};

/// How long the background gives a connection to come to rest. A server that does not cancel within it would not soon.
const REPAIR: Duration = Duration::from_secs(5);

/// A statement that has not ended this long after it was cancelled is cancelled again.
const CANCEL_AGAIN: Duration = Duration::from_millis(500);

const CLEAN: &str = "CLOSE ALL; UNLISTEN *; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; \
                     SELECT pg_advisory_unlock_all(); DISCARD TEMP";
/// Not `DEALLOCATE ALL`: the client relies on statements of its own, to look up types.
const FORGET: &str = "DO $$ DECLARE n text; BEGIN \
    FOR n IN SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql LOOP \
    EXECUTE 'DEALLOCATE ' || pg_catalog.quote_ident(n); END LOOP; END $$";

/// One session and all that the pool knows of it.
#[derive(Debug)]
pub(crate) struct Conn {
    // In this order, too, they are dropped: statements that outlive their client are not closed one by one.
    pub client: Arc<Client>,
    pub prepared: Prepared,
    pub wire: Arc<Wire>,
    pub shared: Arc<Shared>,
    pub tenure: Arc<Tenure>,
    peer: Peer,
    /// Its tasks belong to the runtime that opened it.
    runtime: Handle,
    generation: u64,
    retire: Instant,
    /// A request was sent and its end was not awaited.
    pub busy: bool,
    /// The server said that it ends this session, or its protocol.
    pub fatal: bool,
    pub used: bool,
    /// Requests may have been sent that are not counted as `busy`.
    pub exposed: bool,
    pub changes: Changes,
    /// What the transaction under way, or a statement whose end nobody awaited, may have written.
    pub pending: Writes,
    // Last: it looks at the wire.
    _driver: Driver,
}

/// What to do with a connection that comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fit,
    Repair,
    Close,
}

impl Conn {
    pub(crate) fn new(session: Session, shared: Arc<Shared>, generation: u64) -> Self {
        let tenure = Arc::new(Tenure::new(Arc::clone(&session.wire), session.driver.handle()));
        shared.enroll(&tenure);
        // Connections that were opened together must not be renewed together.
        let lifetime = shared.settings.max_lifetime.mul_f64(1.0 - 0.1 * fastrand::f64());
        Self {
            client: Arc::new(session.client),
            prepared: Prepared::new(shared.settings.max_prepared),
            wire: session.wire,
            shared,
            tenure,
            peer: session.peer,
            runtime: Handle::current(),
            generation,
            retire: Instant::now() + lifetime,
            busy: false,
            fatal: false,
            used: false,
            exposed: false,
            changes: Changes::default(),
            pending: Writes::None,
            _driver: session.driver,
        }
    }

    /// Known without a round trip.
    pub(crate) fn verdict(&self) -> Verdict {
        // A client that is closed has lost its wire.
        let status = self.wire.status();
        if status.lost
            || self.fatal
            || self.changes.broken
            || self.tenure.is_condemned()
            || self.generation != self.shared.generation()
        {
            return Verdict::Close;
        }
        if self.busy || !status.is_idle() || self.must_clean() {
            return Verdict::Repair;
        }
        Verdict::Fit
    }

    /// As new, or it is not handed out.
    pub(crate) fn is_fit(&self) -> bool {
        match self.verdict() {
            Verdict::Fit => true,
            Verdict::Close => false,
            // The maintainer's question, if nothing else, is under way: a statement goes behind it.
            Verdict::Repair => {
                let Status { transaction, .. } = self.wire.status();
                let clean = !self.busy && !self.must_clean();
                self.tenure.is_pinging() && clean && transaction == Transaction::Idle
            }
        }
    }

    pub(crate) fn is_old(&self, now: Instant) -> bool {
        now >= self.retire
    }

    pub(crate) fn runtime(&self) -> Handle {
        self.runtime.clone()
    }

    fn must_clean(&self) -> bool {
        if self.shared.settings.pooler {
            // Its sessions are not ours; the names of statements are not used.
            return false;
        }
        match self.shared.settings.reset {
            Reset::Dirty => self.changes.any(),
            Reset::Always => self.used || self.changes.any(),
            Reset::Never => false,
        }
    }

    /// The server ended the session, or what it says means that it will.
    pub(crate) fn note(&mut self, code: Option<&SqlState>) {
        self.fatal |=
            code.is_some_and(|code| code.code().starts_with("57P0") || code.code().starts_with("08"));
    }

    /// Whether it can run a statement. What still runs is ended first; what does not end within some seconds never will.
    pub(crate) async fn is_ready(&mut self) -> bool {
        self.notice_strangers();
        if self.busy && !self.fatal && !self.wire.status().lost {
            self.fatal = !timeout(REPAIR, self.stop()).await.unwrap_or(false);
        }
        !self.fatal && !self.wire.status().lost
    }

    async fn stop(&mut self) -> bool {
        let client = Arc::clone(&self.client);
        // Answered after all that was sent before.
        let mut check = pin!(client.check_connection());
        let mut answer = None;
        if self.busy {
            self.shared.counts.cancelled.increment();
            let (token, connector) = (client.cancel_token(), self.shared.connector());
            while answer.is_none() {
                // One may overtake its request, and ends nothing then.
                connector.cancel(&self.peer, &token).await;
                answer = timeout(CANCEL_AGAIN, check.as_mut()).await.ok();
            }
        }
        let answer = match answer {
            Some(answer) => answer,
            None => check.await,
        };
        // A cancel may have hit the check instead.
        if answer.is_err() && client.check_connection().await.is_err() {
            return false;
        }
        self.busy = false;
        self.settle();
        true
    }

    /// Tells the caches of what was written; within a transaction once more when it ends.
    pub(crate) fn settle(&mut self) {
        if matches!(self.pending, Writes::None) {
            return;
        }
        self.shared.caches.wrote(&self.pending);
        if self.wire.status().is_idle() {
            self.pending = Writes::None;
        }
    }

    /// Makes it as new: nothing running, no transaction, nothing left in the session. Whether that was possible within
    /// some seconds; if not it must be closed.
    pub(crate) async fn repair(&mut self) -> bool {
        let repaired = timeout(REPAIR, self.renew()).await.unwrap_or(false);
        if repaired {
            self.shared.counts.repaired.increment();
        }
        repaired
    }

    /// Requests that went past this type, and whose end nobody awaited.
    fn notice_strangers(&mut self) {
        self.busy |= self.exposed && self.wire.status().in_flight > 0;
    }

    async fn renew(&mut self) -> bool {
        self.notice_strangers();
        let quiet = !self.busy && self.wire.status().in_flight == 0;
        if !quiet && !self.stop().await {
            return false;
        }
        let transaction = self.wire.status().transaction;
        if transaction != Transaction::Idle && self.client.batch_execute("ROLLBACK").await.is_err() {
            return false;
        }
        if self.must_clean() {
            if self.client.batch_execute(CLEAN).await.is_err() {
                return false;
            }
            if self.changes.names && self.client.batch_execute(FORGET).await.is_err() {
                return false;
            }
            self.used = false;
            self.exposed = false;
            self.changes = Changes::default();
        }
        self.settle();
        self.verdict() == Verdict::Fit
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.settle();
        self.shared.counts.traffic.lock().add(self.wire.traffic());
    }
}
