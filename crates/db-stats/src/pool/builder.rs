use super::{Inner, Manager, Pool, Reset, Settings, Shared, maintain};
use crate::{
    Statements,
    connect::{Connector, hosts},
};
use deadpool::managed::{self, QueueMode};
use perfect21_core::ConfigError;
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::sync::Notify;
use tokio_postgres::{Config, config::SslMode};

/// Makes a [`Pool`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build()`"]
pub struct PoolBuilder {
    config: Config,
    settings: Settings,
}

impl PoolBuilder {
    pub(super) fn new(config: Config) -> Self {
        Self { config, settings: Settings::default() }
    }

    /// Its label in metrics. Default: `default`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// How many connections are kept. Default: 20.
    pub fn size(mut self, size: usize) -> Self {
        self.settings.size = size;
        self
    }

    /// How many there may be besides while they are needed; they are closed about a second after their return.
    /// Default: 30.
    pub fn overflow(mut self, overflow: usize) -> Self {
        self.settings.overflow = overflow;
        self
    }

    /// The most connections: this size, and no overflow.
    pub fn max_size(mut self, max_size: usize) -> Self {
        self.settings.size = max_size;
        self.settings.overflow = 0;
        self
    }

    /// How many idle connections are kept ready in the background. Default: 0.
    pub fn min_idle(mut self, min_idle: usize) -> Self {
        self.settings.min_idle = min_idle;
        self
    }

    /// How long a caller may wait for a connection, opening it included. Default: 30 s.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.settings.wait_timeout = timeout;
        self
    }

    /// How long opening a connection may take, for each address of the server. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long the server lets a statement run. One that it has not ended 2 s after that is
    /// [`Unanswered`](crate::ErrorKind::Unanswered), and its connection closed. Default: 30 s.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.settings.statement_timeout = timeout;
        self
    }

    /// How old a connection may become; each gets up to a tenth less, so that not all are renewed at once.
    /// Default: 30 min.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.max_lifetime = lifetime;
        self
    }

    /// How long a connection may be idle, as long as `min_idle` others are. Default: 10 min.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.idle_timeout = timeout;
        self
    }

    /// After how long an idle connection is asked whether it lives. Default: 1 min.
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.settings.keep_alive = interval;
        self
    }

    /// How many statements are told apart, by their [`Fingerprint`](crate::Fingerprint); the rest is counted as `other`.
    /// At most [`Statements::MAX`](crate::Statements::MAX). Default: 500.
    pub fn max_statements(mut self, max_statements: usize) -> Self {
        self.settings.max_statements = max_statements;
        self
    }

    /// How many statements each connection keeps prepared. Default: 256.
    pub fn max_prepared(mut self, max_prepared: usize) -> Self {
        self.settings.max_prepared = max_prepared;
        self
    }

    /// When sessions are cleaned. Default: [`Reset::Dirty`].
    pub fn reset(mut self, reset: Reset) -> Self {
        self.settings.reset = reset;
        self
    }

    /// The name that the server shows for the connections. Default: that of the configuration, else the pool's.
    pub fn application_name(mut self, name: impl Into<String>) -> Self {
        self.settings.application_name = Some(name.into());
        self
    }

    /// A setting of each session, as `lock_timeout` = `2s`; [resets](Reset) come back to it. Besides `jit` = `off` and
    /// the statement time-out; options of the configuration win over all.
    pub fn session_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.session.push((name.into(), value.into()));
        self
    }

    /// The server is a pooler that gives each transaction another session (PgBouncer, pgcat): statements are not prepared,
    /// sessions neither set up nor cleaned. Parameters then need their types:
    /// [`query_typed`](crate::Connection::query_typed). Default: off.
    pub fn behind_transaction_pooler(mut self, pooler: bool) -> Self {
        self.settings.pooler = pooler;
        self
    }

    /// Connects by TLS where the configuration's `sslmode` is `require`, and where it is `prefer` and the server offers
    /// it; cancel requests too. Unix sockets are left plain. rustls checks the server's certificate and name by what
    /// this configuration trusts. Channel binding is not offered.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(roots: tokio_rustls::rustls::RootCertStore) -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_db_stats::Pool;
    /// use tokio_rustls::rustls::ClientConfig;
    ///
    /// let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    /// let pool = Pool::builder("postgres://app@db.example/shop?sslmode=require".parse()?).tls(tls).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, config: impl Into<Arc<tokio_rustls::rustls::ClientConfig>>) -> Self {
        self.settings.tls = Some(config.into());
        self
    }

    /// Checks the settings; opens no connection and needs no runtime.
    ///
    /// # Errors
    /// If a size or time is zero, `min_idle` is above the size, `max_statements` above its most, the configuration names no host or requires TLS, or a session
    /// setting is not a name.
    pub fn build(self) -> Result<Pool, ConfigError> {
        let Self { config, settings } = self;
        check(&config, &settings)?;
        let max = settings.max();
        let tls = settings.tls.clone();
        let connector = Connector::new(session(config, &settings), settings.connect_timeout, tls);
        let shared = Arc::new(Shared::new(settings, connector));
        let pool = managed::Pool::builder(Manager(Arc::clone(&shared)))
            .max_size(max)
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| ConfigError::new("pool", error, "must be buildable"))?;
        Ok(Pool(Arc::new(Inner {
            pool,
            shared,
            running: maintain::Running::default(),
            paused: AtomicBool::new(false),
            resumed: Notify::new(),
        })))
    }
}

pub(super) fn check_sizes(size: usize, overflow: usize, min_idle: usize) -> Result<(), ConfigError> {
    /// Its places are allocated at once.
    const MOST: usize = 100_000;
    if size == 0 {
        return Err(ConfigError::new("max_size", 0, "must be at least 1"));
    }
    if size.saturating_add(overflow) > MOST {
        let rule = format!("must with overflow = {overflow} not be above {MOST}");
        return Err(ConfigError::new("max_size", size, rule));
    }
    if min_idle > size {
        return Err(ConfigError::new("min_idle", min_idle, format!("must not be above max_size = {size}")));
    }
    Ok(())
}

fn no_host(config: &Config) -> ConfigError {
    let named = config.get_hosts().len().max(config.get_hostaddrs().len());
    ConfigError::new(
        "host",
        format_args!("{named} named"),
        "must be given, with a port for each or one for all",
    )
}

fn check(config: &Config, settings: &Settings) -> Result<(), ConfigError> {
    check_sizes(settings.size, settings.overflow, settings.min_idle)?;
    for (setting, value) in
        [("max_statements", settings.max_statements), ("max_prepared", settings.max_prepared)]
    {
        if value == 0 {
            return Err(ConfigError::new(setting, 0, "must be at least 1"));
        }
    }
    if settings.max_statements > Statements::MAX {
        let rule = format!("must not be above {}", Statements::MAX);
        return Err(ConfigError::new("max_statements", settings.max_statements, rule));
    }
    for (setting, value) in [
        ("wait_timeout", settings.wait_timeout),
        ("connect_timeout", settings.connect_timeout),
        ("statement_timeout", settings.statement_timeout),
        ("max_lifetime", settings.max_lifetime),
        ("idle_timeout", settings.idle_timeout),
        ("keep_alive", settings.keep_alive),
    ] {
        if value < Duration::from_millis(1) {
            return Err(ConfigError::new(setting, format_args!("{value:?}"), "must be at least 1 ms"));
        }
    }
    for (name, _) in &settings.session {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b)) {
            let rule = "must be the name of a setting, as lock_timeout";
            return Err(ConfigError::new("session_setting", name, rule));
        }
    }
    check_config(config, settings)
}

pub(super) fn check_config(config: &Config, settings: &Settings) -> Result<(), ConfigError> {
    if config.get_ssl_mode() == SslMode::Require && settings.tls.is_none() {
        return Err(ConfigError::new(
            "sslmode",
            "require",
            "needs a configuration of TLS: tls(), by the feature rustls",
        ));
    }
    if hosts(config) == 0 { Err(no_host(config)) } else { Ok(()) }
}

/// The configuration of each session. What the user gave comes last, and wins.
pub(super) fn session(mut config: Config, settings: &Settings) -> Config {
    if config.get_keepalives() {
        config.keepalives_idle(config.get_keepalives_idle().min(Duration::from_secs(30)));
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(Duration::from_secs(10)).keepalives_retries(3);
        }
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(60));
    }
    let name = match (&settings.application_name, config.get_application_name()) {
        (Some(name), _) => Some(name),
        (None, None) => Some(&settings.name),
        (None, Some(_)) => None,
    };
    if let Some(name) = name {
        config.application_name(name.clone());
    }
    if settings.pooler {
        // It knows no options: they belong to a session.
        return config;
    }
    let mut options = format!("-c jit=off -c statement_timeout={}", settings.statement_timeout.as_millis());
    for (name, value) in &settings.session {
        options.push_str(" -c ");
        options.push_str(name);
        options.push('=');
        for letter in value.chars() {
            // As the server splits them.
            if letter.is_whitespace() || letter == '\\' {
                options.push('\\');
            }
            options.push(letter);
        }
    }
    if let Some(theirs) = config.get_options() {
        options.push(' ');
        options.push_str(theirs);
    }
    config.options(options);
    config
}
