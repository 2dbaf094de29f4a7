use crate::{RedisCache, fence::FullKey, transport::memory::Memory};
use bytes::Bytes;
use perfect21_core::{Clock, ConfigError, SystemClock};
use std::sync::Arc;

#[cfg(feature = "fred")]
pub use remote::Builder;

fn check_namespace(namespace: &str) -> Result<(), ConfigError> {
    match namespace {
        "" => Err(ConfigError::new("namespace", "``", "must not be empty")),
        _ => Ok(()),
    }
}

/// Settings of a [`RedisCache`] in memory; made by [`RedisCache::in_memory`].
#[derive(Debug)]
#[must_use = "a builder does nothing until .build()"]
pub struct MemoryBuilder {
    namespace: String,
    max_entries: usize,
    max_bytes: u64,
    clock: Arc<dyn Clock>,
}

impl MemoryBuilder {
    pub(crate) fn new() -> Self {
        Self {
            namespace: "cache".to_owned(),
            max_entries: 100_000,
            max_bytes: 100 << 20,
            clock: Arc::new(SystemClock),
        }
    }

    /// What all keys begin with. Default: `cache`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The most entries held; the least recently used goes first. Default: 100 000.
    pub fn max_entries(mut self, max_entries: usize) -> Self {
        self.max_entries = max_entries;
        self
    }

    /// The most bytes held, of keys and encoded values. Default: 100 MiB.
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Where the time is read by which entries expire. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes it, empty.
    ///
    /// # Errors
    /// If the namespace is empty or a bound is zero.
    pub fn build(self) -> Result<RedisCache, ConfigError> {
        check_namespace(&self.namespace)?;
        let entries = perfect21_smart_cache::Cache::builder()
            .name(self.namespace.clone())
            .max_entries(self.max_entries)
            .max_bytes(self.max_bytes)
            .weigher(|key: &FullKey, value: &Bytes| (key.len() + value.len()) as u64)
            .clock(self.clock)
            .hasher(std::hash::RandomState::new())
            .build()?;
        Ok(RedisCache::over(Memory::new(entries), &self.namespace))
    }
}

#[cfg(feature = "fred")]
mod remote {
    use super::check_namespace;
    use crate::{
        Error, RedisCache,
        transport::fred::{Fred, Settings},
    };
    use fred::types::config::Config;
    use perfect21_core::ConfigError;
    use std::{fmt, time::Duration};

    /// Settings of a [`RedisCache`] over a server; made by [`RedisCache::builder`].
    #[must_use = "a builder does nothing until .connect() or .build()"]
    pub struct Builder {
        url: String,
        namespace: String,
        command_timeout: Duration,
        connect_timeout: Duration,
        max_queued: usize,
    }

    impl Builder {
        pub(crate) fn new(url: String) -> Self {
            Self {
                url,
                namespace: "cache".to_owned(),
                command_timeout: Duration::from_millis(250),
                connect_timeout: Duration::from_secs(1),
                max_queued: 4096,
            }
        }

        /// What all keys begin with. Default: `cache`.
        pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
            self.namespace = namespace.into();
            self
        }

        /// How long a call may take, a load excepted. Default: 250 ms.
        pub fn command_timeout(mut self, command_timeout: Duration) -> Self {
            self.command_timeout = command_timeout;
            self
        }

        /// How long an attempt to connect may take. Default: 1 s.
        pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
            self.connect_timeout = connect_timeout;
            self
        }

        /// The most commands that wait to be written; one more is refused. Default: 4096.
        pub fn max_queued(mut self, max_queued: usize) -> Self {
            self.max_queued = max_queued;
            self
        }

        /// Connects, and fails if that is not possible now.
        ///
        /// # Errors
        /// Of kind [`Config`](crate::ErrorKind::Config) as [`build`](Self::build); [`Unavailable`], [`Timeout`] or
        /// [`Server`] (which refused the credentials or the database) if there is no connection.
        ///
        /// # Cancel safety
        /// Dropped, it gives the attempt up.
        ///
        /// [`Unavailable`]: crate::ErrorKind::Unavailable
        /// [`Timeout`]: crate::ErrorKind::Timeout
        /// [`Server`]: crate::ErrorKind::Server
        pub async fn connect(self) -> Result<RedisCache, Error> {
            let settings = self.settings()?;
            Ok(RedisCache::over(Fred::connect(settings).await?, &self.namespace))
        }

        /// Connects in the background, so that a service starts while its cache is down: until there is a connection,
        /// calls fail at once.
        ///
        /// # Errors
        /// If the URL is none, the namespace is empty, a time-out or bound is zero, or there is no tokio runtime.
        pub fn build(self) -> Result<RedisCache, ConfigError> {
            let settings = self.settings()?;
            Ok(RedisCache::over(Fred::start(settings)?, &self.namespace))
        }

        fn settings(&self) -> Result<Settings, ConfigError> {
            check_namespace(&self.namespace)?;
            let limits =
                [("command_timeout", self.command_timeout), ("connect_timeout", self.connect_timeout)];
            for (setting, limit) in limits {
                if limit < Duration::from_millis(1) || limit > Duration::from_secs(3600) {
                    let rule = "must be from 1 ms to 1 hour";
                    return Err(ConfigError::new(setting, format_args!("{limit:?}"), rule));
                }
            }
            if self.max_queued == 0 {
                return Err(ConfigError::new("max_queued", 0, "must be at least 1"));
            }
            let config = parse(&self.url)?;
            let server = config.server.hosts().first().map(ToString::to_string).unwrap_or_default();
            Ok(Settings {
                config,
                server: server.into(),
                command_timeout: self.command_timeout,
                connect_timeout: self.connect_timeout,
                max_queued: self.max_queued,
            })
        }
    }

    fn parse(url: &str) -> Result<Config, ConfigError> {
        let refuse = |rule: &str| Err(ConfigError::new("url", without_credentials(url), rule));
        if !url.starts_with("redis://") {
            return refuse("must be like redis://user:password@host:6379/0");
        }
        if url.contains(['?', '#']) {
            return refuse("takes no parameters: must end after the database, as in redis://host:6379/0");
        }
        let Ok(config) = Config::from_url_centralized(url) else {
            return refuse(
                "must be like redis://user:password@host:6379/0, the port below 65536, the database below 256",
            );
        };
        // fred's parser lets anything be a host; what is none fails much later otherwise, when it is looked up.
        let is_host = |host: &str| {
            !host.is_empty() && !host.contains(|c: char| !c.is_alphanumeric() && !"-._:[]".contains(c))
        };
        if !config.server.hosts().iter().all(|server| is_host(&server.host)) {
            return refuse("the host must be a name or an address");
        }
        if config.server.hosts().iter().any(|server| server.port == 0) {
            return refuse("the port must be above 0");
        }
        Ok(config)
    }

    fn without_credentials(url: &str) -> String {
        match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://***@{rest}"),
            (None, Some((_, rest))) => format!("***@{rest}"),
            (_, None) => url.to_owned(),
        }
    }

    impl fmt::Debug for Builder {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Builder")
                .field("url", &without_credentials(&self.url))
                .field("namespace", &self.namespace)
                .field("command_timeout", &self.command_timeout)
                .field("connect_timeout", &self.connect_timeout)
                .field("max_queued", &self.max_queued)
                .finish()
        }
    }
}
