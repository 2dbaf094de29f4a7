use crate::{
    connect::{ConnectCounts, TimedConnect},
    connection::Connection,
    error::Error,
    statement::Statements,
};
use deadpool_postgres::{Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime, TimeoutType};
use perfect21_core::{ConfigError, LatencySnapshot};
use perfect21_meter::{Counter, LatencyCell};
use std::time::Duration;
use std::{fmt, sync::Arc, time::Instant};
use tokio_postgres::Config;

/// Connections to one PostgreSQL server; clones share them.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

pub(crate) struct Inner {
    pub name: String,
    pool: deadpool_postgres::Pool,
    min_idle: usize,
    wait_timeout: Duration,
    connect_timeout: Duration,
    statements: Statements,
    pub connects: Arc<ConnectCounts>,
    pub waits: LatencyCell,
    pub exhausted: Counter,
}

/// Where a [`Pool`] stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The most connections there may be.
    pub max_size: usize,
    /// Connections that are open.
    pub size: usize,
    /// Of these, the ones that nobody uses.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
    /// How long connections took to open.
    pub connects: LatencySnapshot,
    /// Connections that could not be opened.
    pub connects_failed: u64,
    /// How long callers waited for a connection, opening it included.
    pub waits: LatencySnapshot,
    /// Callers that gave up because all connections stayed in use.
    pub exhausted: u64,
}

impl Pool {
    /// Begins a pool for this server, user and database.
    pub fn builder(config: Config) -> PoolBuilder {
        PoolBuilder {
            config,
            name: "default".to_owned(),
            max_size: 20,
            min_idle: 0,
            wait_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            max_statements: 500,
        }
    }

    /// Takes a connection that nobody uses, opens one, or waits for one, in order of arrival.
    ///
    /// # Errors
    /// [`Exhausted`](crate::ErrorKind::Exhausted) if none became free in time,
    /// [`Unreachable`](crate::ErrorKind::Unreachable) if none could be opened.
    ///
    /// # Cancel safety
    /// A dropped future leaves the queue; a connection that it opened stays in the pool or is closed.
    pub async fn get(&self) -> Result<Connection, Error> {
        let inner = &self.0;
        let start = Instant::now();
        match inner.pool.get().await {
            Ok(object) => {
                inner.waits.record(start.elapsed());
                Ok(Connection::new(object, inner.statements.clone()))
            }
            Err(PoolError::Backend(error)) => Err(Error::unreachable(error)),
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                inner.exhausted.increment();
                Err(Error::exhausted(inner.pool.status().max_size, inner.wait_timeout))
            }
            // Creating has a time-out; the pool is never closed and has its runtime and no hooks.
            Err(_) => Err(Error::connect_timeout(inner.connect_timeout)),
        }
    }

    /// Opens connections until `min_idle` are there, all at once: a service that calls it before it listens spares its
    /// first users the connects.
    ///
    /// # Errors
    /// The first one that occurs; connections that did open stay.
    ///
    /// # Cancel safety
    /// Connections that are open stay in the pool.
    pub async fn fill(&self) -> Result<(), Error> {
        let missing = self.0.min_idle.saturating_sub(self.0.pool.status().size);
        let opening: Vec<_> = (0..missing)
            .map(|_| {
                let pool = self.clone();
                tokio::spawn(async move { pool.get().await })
            })
            .collect();
        // Held until all are there, or else one connection would serve all.
        let mut held = Vec::with_capacity(missing);
        for task in opening {
            match task.await {
                Ok(connection) => held.push(connection?),
                Err(_) => return Err(Error::connect_timeout(self.0.connect_timeout)),
            }
        }
        Ok(())
    }

    /// What the statements of this pool cost.
    #[must_use]
    pub fn statements(&self) -> &Statements {
        &self.0.statements
    }

    /// Where it stands; reads counters and merges two histograms.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let status = self.0.pool.status();
        Stats {
            max_size: status.max_size,
            size: status.size,
            idle: status.available,
            waiting: status.waiting,
            connects: self.0.connects.opened.snapshot(),
            connects_failed: self.0.connects.failed.total(),
            waits: self.0.waits.snapshot(),
            exhausted: self.0.exhausted.total(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.0.name)
            .field("status", &self.0.pool.status())
            .finish_non_exhaustive()
    }
}

/// Makes a [`Pool`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build()`"]
pub struct PoolBuilder {
    config: Config,
    name: String,
    max_size: usize,
    min_idle: usize,
    wait_timeout: Duration,
    connect_timeout: Duration,
    statement_timeout: Duration,
    max_statements: usize,
}

impl PoolBuilder {
    /// Its label in metrics. Default: `default`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The most connections. Default: 20.
    pub fn max_size(mut self, max_size: usize) -> Self {
        self.max_size = max_size;
        self
    }

    /// How many [`Pool::fill`] opens. Default: 0.
    pub fn min_idle(mut self, min_idle: usize) -> Self {
        self.min_idle = min_idle;
        self
    }

    /// How long a caller may wait for a connection while all are in use. Default: 30 s.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.wait_timeout = timeout;
        self
    }

    /// How long opening a connection may take. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server lets a statement run. Default: 30 s.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// How many statement texts are told apart; the rest is counted as `other`. Default: 500.
    pub fn max_statements(mut self, max_statements: usize) -> Self {
        self.max_statements = max_statements;
        self
    }

    /// Checks the settings; opens no connection.
    ///
    /// # Errors
    /// If a size or time is zero, or `min_idle` is above `max_size`.
    pub fn build(mut self) -> Result<Pool, ConfigError> {
        for (setting, value) in [("max_size", self.max_size), ("max_statements", self.max_statements)] {
            if value == 0 {
                return Err(ConfigError::new(setting, 0, "must be at least 1"));
            }
        }
        if self.min_idle > self.max_size {
            let rule = format!("must not be above max_size = {}", self.max_size);
            return Err(ConfigError::new("min_idle", self.min_idle, rule));
        }
        for (setting, value) in [
            ("wait_timeout", self.wait_timeout),
            ("connect_timeout", self.connect_timeout),
            ("statement_timeout", self.statement_timeout),
        ] {
            if value < Duration::from_millis(1) {
                return Err(ConfigError::new(setting, format_args!("{value:?}"), "must be at least 1 ms"));
            }
        }
        self.session();
        let connects = Arc::new(ConnectCounts::default());
        let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(self.config, TimedConnect(Arc::clone(&connects)), fast);
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(self.max_size)
            .wait_timeout(Some(self.wait_timeout))
            .create_timeout(Some(self.connect_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| ConfigError::new("pool", error, "must be buildable"))?;
        Ok(Pool(Arc::new(Inner {
            name: self.name,
            pool,
            min_idle: self.min_idle,
            wait_timeout: self.wait_timeout,
            connect_timeout: self.connect_timeout,
            statements: Statements::new(self.max_statements),
            connects,
            waits: LatencyCell::default(),
            exhausted: Counter::default(),
        })))
    }

    /// Settings of each session, after those that the user gave, which win.
    fn session(&mut self) {
        let ours = format!("-c jit=off -c statement_timeout={}", self.statement_timeout.as_millis());
        let options = match self.config.get_options() {
            Some(theirs) => format!("{ours} {theirs}"),
            None => ours,
        };
        self.config.options(options).keepalives(true).keepalives_idle(Duration::from_secs(30));
    }
}
