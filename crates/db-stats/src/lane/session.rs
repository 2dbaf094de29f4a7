use super::Attempt;
use crate::{
    Pool,
    connect::{ConnectError, Driver},
    connection::is_stale,
    pool::Shared,
    wire::Wire,
};
use foldhash::fast::RandomState;
use lru::LruCache;
use parking_lot::Mutex;
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tokio_postgres::{Client, Statement, types::ToSql};

/// One read-only session that many use at once.
pub(super) struct Session {
    // In this order, too, they are dropped: statements that outlive their client are not closed one by one.
    client: Client,
    prepared: Mutex<LruCache<Box<str>, Statement, RandomState>>,
    wire: Arc<Wire>,
    shared: Arc<Shared>,
    generation: u64,
    retire: Instant,
    /// Given up, or too old: those who use it end, and nobody begins.
    over: AtomicBool,
    driver: Driver,
}

/// How often a session is looked after.
const TICK: Duration = Duration::from_millis(250);

impl Session {
    pub(super) async fn open(pool: &Pool) -> Result<Self, ConnectError> {
        let shared = Arc::clone(pool.shared());
        let generation = shared.generation();
        let session = shared.connector().read_only().connect().await?;
        let most = NonZeroUsize::new(shared.settings.max_prepared).unwrap_or(NonZeroUsize::MIN);
        // Connections that were opened together must not be renewed together.
        let lifetime = shared.settings.max_lifetime.mul_f64(1.0 - 0.1 * fastrand::f64());
        Ok(Self {
            client: session.client,
            prepared: Mutex::new(LruCache::with_hasher(most, RandomState::default())),
            wire: session.wire,
            generation,
            retire: Instant::now() + lifetime,
            over: AtomicBool::new(false),
            driver: session.driver,
            shared,
        })
    }

    pub(super) fn is_fit(&self) -> bool {
        !self.over.load(Ordering::Acquire)
            && !self.wire.status().lost
            && self.generation == self.shared.generation()
    }

    /// Looks after it as long as somebody has it: one that falls silent is given up, one that is old is left.
    pub(super) fn watch(self: &Arc<Self>) {
        let weak = Arc::downgrade(self);
        let patience = self.shared.settings.patience();
        tokio::spawn(async move {
            let mut heard = (0, Instant::now());
            while let Some(session) = weak.upgrade() {
                let now = Instant::now();
                let bytes = session.wire.traffic().bytes_in;
                if bytes != heard.0 || session.wire.status().in_flight == 0 {
                    heard = (bytes, now);
                }
                if now.saturating_duration_since(heard.1) >= patience {
                    session.over.store(true, Ordering::Release);
                    session.driver.handle().abort();
                    return;
                }
                if now >= session.retire || session.shared.is_closed() {
                    session.over.store(true, Ordering::Release);
                }
                drop(session);
                sleep(TICK).await;
            }
        });
    }

    pub(super) async fn attempt(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Attempt {
        let result = async {
            let statement = self.statement(sql).await?;
            self.client.query(&statement, params).await
        };
        match result.await {
            Ok(rows) => Attempt::Done(rows),
            Err(error) if is_stale(&error).is_some() => {
                self.prepared.lock().pop(sql);
                Attempt::Stale(error)
            }
            Err(error) => {
                let ended = error.code().is_some_and(|code| code.code().starts_with("57P0"));
                if ended {
                    self.over.store(true, Ordering::Release);
                }
                let lost = error.as_db_error().is_none() && (self.client.is_closed() || error.is_closed());
                if ended || lost { Attempt::Lost(error) } else { Attempt::Failed(error) }
            }
        }
    }

    /// Of several who miss at once each prepares; one of them stays.
    async fn statement(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.prepared.lock().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.prepared.lock().put(sql.into(), statement.clone());
        Ok(statement)
    }
}
