#[cfg(feature = "tls")]
use super::tls;
use super::{
    check_namespace,
    url::{parse, without_credentials},
};
use crate::{
    Changes, Error, Near, RedisCache,
    backend::remote::Remote,
    near::{NearTier, Store, StoreSettings},
    transport::{
        breaker::{self, Breaker},
        direct::{self, Direct},
        fred::{Fred, Settings},
        lane::{self, Hears, Lane},
    },
    version::channel,
};
use bytes::Bytes;
#[cfg(feature = "tls")]
use fred::types::config::{Config, TlsConfig, TlsConnector};
use perfect21_core::{ConfigError, SystemClock};
use perfect21_host::CoarseClock;
use std::{fmt, sync::Arc, time::Duration};

/// Settings of a [`RedisCache`] over servers; made by [`RedisCache::builder`].
///
/// | URL | |
/// |---|---|
/// | `redis://user:password@host:6379/0` | one server; user, password, port and database may be left out |
/// | `redis-cluster://host:6379?node=other:6379` | a cluster, found by one of its nodes |
/// | `redis-sentinel://host:26379/0?sentinelServiceName=main&node=other:26379` | whoever is the main server now, found by sentinels |
/// | `redis+unix:///run/redis.sock?db=0` | a Unix socket |
/// | `rediss://…`, `rediss-cluster://…`, `rediss-sentinel://…` | the same over TLS (feature `tls`), with the system's certificates or by [`tls`](Self::tls) |
#[must_use = "a builder does nothing until .connect() or .build()"]
pub struct Builder {
    url: String,
    namespace: String,
    connections: usize,
    command_timeout: Duration,
    connect_timeout: Duration,
    retry_reads: bool,
    max_queued: usize,
    breaker: u32,
    changes: Changes,
    ping: Duration,
    near: Option<Near>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<tokio_rustls::rustls::ClientConfig>>,
}

impl Builder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            namespace: "cache".to_owned(),
            connections: 1,
            command_timeout: Duration::from_millis(250),
            connect_timeout: Duration::from_secs(1),
            retry_reads: true,
            max_queued: 4096,
            breaker: 10,
            changes: Changes::default(),
            ping: Duration::from_secs(1),
            near: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// How TLS is spoken, for `rediss` URLs: an authority of one's own, a certificate to show. Default: whom the system trusts is
    /// trusted, and nothing is shown.
    ///
    /// ```no_run
    /// use perfect21_redis_cache::RedisCache;
    /// use std::sync::Arc;
    /// use tokio_rustls::rustls::{ClientConfig, RootCertStore, pki_types::{CertificateDer, pem::PemObject}};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut roots = RootCertStore::empty();
    /// roots.add(CertificateDer::from_pem_file("authority.pem")?)?;
    /// let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    /// let redis = RedisCache::builder("rediss://host:6379").tls(Arc::new(tls)).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Arc<tokio_rustls::rustls::ClientConfig>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// What all keys begin with. Default: `cache`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// How many connections there are to each server. Commands of one key all go over one of them. Default: 1, which is the
    /// fastest: what many tasks ask for at once goes out together.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
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

    /// Whether a read is sent once more where half of its time brought no answer; a write never is. Default: it is.
    pub fn retry_reads(mut self, retry_reads: bool) -> Self {
        self.retry_reads = retry_reads;
        self
    }

    /// The most commands that wait to be written; one more is refused. Default: 4096.
    pub fn max_queued(mut self, max_queued: usize) -> Self {
        self.max_queued = max_queued;
        self
    }

    /// After how many calls in a row without an answer all fail at once, until the server gives a sign of life again;
    /// 0 is never. Default: 10.
    pub fn breaker(mut self, failures: u32) -> Self {
        self.breaker = failures;
        self
    }

    /// Holds entries in this process too, and keeps them what the server has. Default: none are held.
    pub fn near(mut self, near: Near) -> Self {
        self.near = Some(near);
        self
    }

    /// How a second connection hears of changes of what this process holds. Default: [`Changes::Tracked`].
    pub fn changes(mut self, changes: Changes) -> Self {
        self.changes = changes;
        self
    }

    /// How often that connection is asked for a sign of life. A change that it did not tell of, because it was lost without a
    /// word, can be answered over at most for so long and a `command_timeout`. Default: 1 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping = interval;
        self
    }

    /// Connects, and fails if that is not possible now.
    ///
    /// # Errors
    /// As [`build`](Self::build), and [`Unavailable`], [`Timeout`] or [`Server`] (which refused the credentials or the
    /// database) if there is no connection.
    ///
    /// # Cancel safety
    /// Dropped, it gives the attempt up.
    ///
    /// [`Unavailable`]: crate::ErrorKind::Unavailable
    /// [`Timeout`]: crate::ErrorKind::Timeout
    /// [`Server`]: crate::ErrorKind::Server
    pub async fn connect(self) -> Result<RedisCache, Error> {
        let settings = self.settings()?;
        let store = self.store()?;
        let server = Arc::clone(&settings.server);
        let fred = Arc::new(Fred::connect(settings).await?);
        let Parts { direct, lane } = self.parts(&fred, store.as_ref(), server);
        let tried = async {
            direct.tried().await;
            if let Some(lane) = &lane {
                lane.tried().await;
            }
        };
        // Where transactions are not allowed, or the server cannot be listened to, all works as without.
        let _ = tokio::time::timeout(self.connect_timeout, tried).await;
        Ok(self.over(direct, store.zip(lane)))
    }

    /// Connects in the background, so that a service starts while its cache is down: until there is a connection,
    /// calls fail at once.
    ///
    /// # Errors
    /// If the URL is none, the namespace is empty, a time-out or bound is zero, or there is no tokio runtime.
    pub fn build(self) -> Result<RedisCache, ConfigError> {
        let settings = self.settings()?;
        let store = self.store()?;
        let server = Arc::clone(&settings.server);
        let fred = Arc::new(Fred::start(settings)?);
        let Parts { direct, lane } = self.parts(&fred, store.as_ref(), server);
        Ok(self.over(direct, store.zip(lane)))
    }

    fn store(&self) -> Result<Option<Arc<Store>>, ConfigError> {
        if self.changes == Changes::Unheard {
            return match &self.near {
                Some(_) => {
                    let rule = "must be Tracked or Published for a near cache";
                    Err(ConfigError::new("changes", format_args!("{:?}", self.changes), rule))
                }
                None => Ok(None),
            };
        }
        let near = self.near.clone().unwrap_or_default();
        near.check()?;
        let store = StoreSettings {
            name: &self.namespace,
            near: near.settings,
            holds_values: self.near.is_some(),
            hears_all: self.changes == Changes::Tracked,
        };
        // What is held lives for seconds, and each hit asks for the time.
        Ok(Some(Arc::new(Store::new(store, Arc::new(CoarseClock::new()))?)))
    }

    /// Where changes are published.
    fn channel(&self) -> Option<Bytes> {
        (self.changes == Changes::Published).then(|| channel(&self.namespace))
    }

    fn parts(&self, fred: &Arc<Fred>, store: Option<&Arc<Store>>, server: Arc<str>) -> Parts {
        let hears = match self.channel() {
            Some(channel) => Hears::Channel(channel),
            None => Hears::Changes,
        };
        let settings = lane::Settings {
            command_timeout: self.command_timeout,
            connect_timeout: self.connect_timeout,
            max_queued: self.max_queued,
            ping: self.ping,
            hears,
            server,
        };
        let of_direct = direct::Settings {
            connections: self.connections,
            command_timeout: self.command_timeout,
            retry_reads: self.retry_reads,
        };
        let login = fred.login();
        let direct = Direct::start(Arc::clone(fred), &login, of_direct, &settings);
        let lane = store.map(|store| Lane::start(settings, login, fred.clone(), store.clone()));
        Parts { direct, lane }
    }

    fn over(&self, direct: Direct, near: Option<(Arc<Store>, Lane)>) -> RedisCache {
        let near = near.map(|(store, lane)| NearTier::new(store, Remote::new(lane, None)));
        let remote = Remote::new(Breaker::new(direct, self.breaker), self.channel());
        RedisCache::over(remote, &self.namespace, Arc::new(SystemClock), near)
    }

    #[cfg(feature = "tls")]
    fn connector(&self, over_tls: bool) -> Result<Option<TlsConfig>, ConfigError> {
        if !over_tls {
            return match &self.tls {
                None => Ok(None),
                Some(_) => {
                    let rule = "are for URLs that begin with rediss";
                    Err(ConfigError::new(
                        "tls",
                        format_args!("settings for {}", without_credentials(&self.url)),
                        rule,
                    ))
                }
            };
        }
        let tls = self.tls.clone().map_or_else(|| tls::system(&self.url), Ok)?;
        Ok(Some(TlsConnector::Rustls(tls.into()).into()))
    }

    fn settings(&self) -> Result<Settings, ConfigError> {
        check_namespace(&self.namespace)?;
        let limits = [
            ("command_timeout", self.command_timeout),
            ("connect_timeout", self.connect_timeout),
            ("ping_interval", self.ping),
        ];
        for (setting, limit) in limits {
            if limit < Duration::from_millis(1) || limit > Duration::from_secs(3600) {
                let rule = "must be from 1 ms to 1 hour";
                return Err(ConfigError::new(setting, format_args!("{limit:?}"), rule));
            }
        }
        if self.max_queued == 0 {
            return Err(ConfigError::new("max_queued", 0, "must be at least 1"));
        }
        if self.connections == 0 || self.connections > 1024 {
            return Err(ConfigError::new("connections", self.connections, "must be from 1 to 1024"));
        }
        breaker::check(self.breaker)?;
        let place = parse(&self.url)?;
        #[cfg(feature = "tls")]
        let config = Config { tls: self.connector(place.over_tls)?, ..place.config };
        #[cfg(not(feature = "tls"))]
        let config = place.config;
        let hosts: Vec<_> = config.server.hosts().iter().map(ToString::to_string).collect();
        Ok(Settings {
            server: hosts.join(", ").into(),
            // Where one server has all keys, their commands go over connections of our own.
            connections: if config.server.is_clustered() { self.connections } else { 1 },
            config,
            command_timeout: self.command_timeout,
            connect_timeout: self.connect_timeout,
            retry_reads: self.retry_reads,
            max_queued: self.max_queued,
        })
    }
}

/// What goes out to the servers.
struct Parts {
    direct: Direct,
    /// Who hears of changes, where somebody holds what was read.
    lane: Option<Lane>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("url", &without_credentials(&self.url))
            .field("namespace", &self.namespace)
            .field("connections", &self.connections)
            .field("command_timeout", &self.command_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("retry_reads", &self.retry_reads)
            .field("max_queued", &self.max_queued)
            .field("breaker", &self.breaker)
            .field("changes", &self.changes)
            .field("ping_interval", &self.ping)
            .field("near", &self.near)
            .finish()
    }
}
