use crate::connect::Tls;
use std::time::Duration;

/// When a connection's session is cleaned before others get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Reset {
    /// After statements that can change the session: `SET`, `LISTEN`, `PREPARE`, `DECLARE`, `LOAD`, `DO`, `CALL`,
    /// temporary tables, `set_config(`, session advisory locks, and [`batch_execute`](crate::Connection::batch_execute).
    /// What a function does inside is not seen.
    #[default]
    Dirty,
    /// After each use: two round trips, in the background.
    Always,
    /// Never: what one user changes, the next one finds.
    Never,
}

/// What a pool was built with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub name: String,
    /// How many connections are kept.
    pub size: usize,
    /// How many there may be besides, for a short time.
    pub overflow: usize,
    pub min_idle: usize,
    pub wait_timeout: Duration,
    pub connect_timeout: Duration,
    pub statement_timeout: Duration,
    pub max_lifetime: Duration,
    pub idle_timeout: Duration,
    pub keep_alive: Duration,
    pub max_statements: usize,
    pub max_prepared: usize,
    pub reset: Reset,
    pub pooler: bool,
    pub application_name: Option<String>,
    pub session: Vec<(String, String)>,
    pub tls: Option<Tls>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            size: 20,
            overflow: 30,
            min_idle: 0,
            wait_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            max_lifetime: Duration::from_mins(30),
            idle_timeout: Duration::from_mins(10),
            keep_alive: Duration::from_mins(1),
            max_statements: 500,
            max_prepared: 256,
            reset: Reset::Dirty,
            pooler: false,
            application_name: None,
            session: Vec::new(),
            tls: None,
        }
    }
}

impl Settings {
    pub(crate) fn max(&self) -> usize {
        self.size.saturating_add(self.overflow)
    }

    /// After which time a statement is given up. The server ends one by itself at its time-out; a server that has not said
    /// so by then is not there any more.
    pub(crate) fn patience(&self) -> Duration {
        self.statement_timeout.saturating_add(Duration::from_secs(2))
    }

    /// How often the maintainer looks: a quarter of the shortest time it keeps, 10 ms to 1 s.
    pub(crate) fn tick(&self) -> Duration {
        let shortest = self.idle_timeout.min(self.max_lifetime).min(self.keep_alive);
        (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}
