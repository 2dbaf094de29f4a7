use super::{Cache, Shared};
use crate::{Compression, RedisCache, codec::Codec, entry::Limits, key::escape, stats::Counters};
use perfect21_core::ConfigError;
use perfect21_smart_cache::Flight;
use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

/// What a failed read is to its caller. It is counted in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ErrorPolicy {
    /// An error: for what must not be read from anywhere else.
    Strict,
    /// A miss, so that the service goes on without its cache.
    #[default]
    MissOnError,
    /// What the near cache had last, however the connection is since; where it had nothing, a miss. Never older than the
    /// entry's whole time, `ttl` and `stale_for` together.
    StaleOnError,
}

pub(crate) type TagsOf<K> = Arc<dyn Fn(&K) -> Vec<String> + Send + Sync>;

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) ttl: Duration,
    pub(crate) jitter: f64,
    pub(crate) absent_ttl: Duration,
    pub(crate) stale_for: Duration,
    pub(crate) retry_after: Duration,
    pub(crate) refresh: f64,
    pub(crate) load_timeout: Duration,
    pub(crate) lease: Option<Duration>,
    pub(crate) on_error: ErrorPolicy,
    pub(crate) limits: Limits,
    pub(crate) near: bool,
}

/// Settings of a [`Cache`]; made by [`RedisCache::typed`].
#[must_use = "a builder does nothing until .build()"]
pub struct CacheBuilder<K: ?Sized, V> {
    redis: RedisCache,
    codec: Arc<dyn Codec<V>>,
    tags: Option<TagsOf<K>>,
    settings: Settings,
    keys: PhantomData<fn(&K)>,
}

const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
const MAX_VALUE_BYTES: usize = 512_000_000;
/// Keys whose failed load is remembered.
const MAX_FAILED: usize = 10_000;
/// Of the namespace and the name, as they are written.
const MAX_PREFIX_BYTES: usize = 512;
const MILLI: Duration = Duration::from_millis(1);

impl<K: ?Sized, V> CacheBuilder<K, V> {
    pub(crate) fn new(redis: RedisCache, name: String, codec: Arc<dyn Codec<V>>) -> Self {
        let settings = Settings {
            name,
            prefix: String::new(),
            ttl: Duration::from_secs(3600),
            jitter: 0.1,
            absent_ttl: Duration::from_secs(60),
            stale_for: Duration::ZERO,
            retry_after: Duration::from_secs(1),
            refresh: 0.0,
            load_timeout: Duration::from_secs(30),
            lease: Some(Duration::from_secs(5)),
            on_error: ErrorPolicy::default(),
            limits: Limits { max_value_bytes: 1 << 20, compression: None, compress_above: 1024 },
            near: true,
        };
        Self { redis, codec, tags: None, settings, keys: PhantomData }
    }

    /// In which format values are written. Default: JSON.
    pub fn codec(mut self, codec: impl Codec<V>) -> Self {
        self.codec = Arc::new(codec);
        self
    }

    /// How long a value is fresh, in whole milliseconds. Default: one hour.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = ttl;
        self
    }

    /// The share of the TTL by which a value may live shorter, chosen at random for each, so that what was set together
    /// does not expire together. Default: 0.1.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.settings.jitter = jitter;
        self
    }

    /// How long it is remembered that there is nothing under a key. Default: one minute.
    pub fn absent_ttl(mut self, absent_ttl: Duration) -> Self {
        self.settings.absent_ttl = absent_ttl;
        self
    }

    /// How long beyond its TTL a value is kept, to be answered where a load fails or another process loads. Default: not at
    /// all.
    pub fn stale_for(mut self, stale_for: Duration) -> Self {
        self.settings.stale_for = stale_for;
        self
    }

    /// After a load failed, and a value whose time is over was answered: for how long it is answered before the next load is
    /// tried. Default: one second.
    pub fn retry_after(mut self, retry_after: Duration) -> Self {
        self.settings.retry_after = retry_after;
        self
    }

    /// How early a value that is asked for often is loaded anew before its time is over, so that nobody waits: 1 is the
    /// optimum of [XFetch](https://doi.org/10.14778/2757807.2757813), larger is earlier. The longer its load took and the
    /// nearer its end, the likelier. Default: 0, which is never.
    pub fn refresh_ahead(mut self, beta: f64) -> Self {
        self.settings.refresh = beta;
        self
    }

    /// How long a load may take. Default: 30 s.
    pub fn load_timeout(mut self, load_timeout: Duration) -> Self {
        self.settings.load_timeout = load_timeout;
        self
    }

    /// For how long a process that dies while it loads a key keeps the others from loading it; as long as it lives, it asks
    /// for more in time. `None` lets each process load for itself. Default: 5 s.
    pub fn lease(mut self, lease: impl Into<Option<Duration>>) -> Self {
        self.settings.lease = lease.into();
        self
    }

    /// What a failed read is to its caller. Default: [`ErrorPolicy::MissOnError`].
    pub fn on_error(mut self, on_error: ErrorPolicy) -> Self {
        self.settings.on_error = on_error;
        self
    }

    /// The longest value, encoded and before it is compressed; longer ones are refused in both directions. Default: 1 MiB.
    pub fn max_value_bytes(mut self, max_value_bytes: usize) -> Self {
        self.settings.limits.max_value_bytes = max_value_bytes;
        self
    }

    /// How values of at least 1 KiB (or as [`compress_above`](Self::compress_above) says) are compressed, where that saves a
    /// tenth. Default: they are not. What was written with another setting is read all the same.
    pub fn compression(mut self, compression: impl Into<Option<Compression>>) -> Self {
        self.settings.limits.compression = compression.into();
        self
    }

    /// From how many bytes on values are compressed. Default: 1 KiB.
    pub fn compress_above(mut self, compress_above: usize) -> Self {
        self.settings.limits.compress_above = compress_above;
        self
    }

    /// Which tags an entry has, by its key; at most 64 of at most 255 bytes.
    pub fn tags<T: Into<String>, I: IntoIterator<Item = T>>(
        mut self,
        tags: impl Fn(&K) -> I + Send + Sync + 'static,
    ) -> Self {
        self.tags = Some(Arc::new(move |key| tags(key).into_iter().map(Into::into).collect()));
        self
    }

    /// Whether entries are also held by this process, where its [`RedisCache`] has a near cache. Default: they are.
    pub fn near(mut self, near: bool) -> Self {
        self.settings.near = near;
        self
    }

    /// Makes the cache.
    ///
    /// # Errors
    /// If the name is empty, a time is below a millisecond or above a hundred years, the jitter is not in 0..1, or the
    /// value bound is zero or more than Redis takes.
    pub fn build(self) -> Result<Cache<K, V>, ConfigError> {
        self.check()?;
        let Self { redis, codec, tags, mut settings, .. } = self;
        let mut prefix = format!("{}:", redis.namespace());
        escape(&settings.name, &mut prefix);
        prefix.push(':');
        if prefix.len() > MAX_PREFIX_BYTES {
            let rule = format!(
                "must take at most {MAX_PREFIX_BYTES} bytes of each key, with the namespace, and not {}",
                prefix.len()
            );
            return Err(ConfigError::new("name", format_args!("{} bytes", settings.name.len()), rule));
        }
        let scope = [redis.core.names.clear.clone(), format!("{prefix}#clear").into()];
        settings.prefix = prefix;
        let failed = match settings.stale_for.is_zero() {
            true => None,
            false => Some(
                perfect21_smart_cache::Cache::builder()
                    .name(format!("{}:failed", settings.name))
                    .max_entries(MAX_FAILED)
                    .ttl(settings.retry_after)
                    .clock(Arc::clone(&redis.core.clock))
                    .build()?,
            ),
        };
        let shared = Shared {
            core: redis.core,
            codec,
            settings,
            scope,
            counters: Counters::default(),
            flight: Flight::new(),
            failed,
        };
        Ok(Cache { shared: Arc::new(shared), tags, keys: PhantomData })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let Settings { name, limits, .. } = &self.settings;
        if name.is_empty() {
            return Err(ConfigError::new("name", "``", "must not be empty"));
        }
        let times = [
            ("ttl", Some(self.settings.ttl)),
            ("absent_ttl", Some(self.settings.absent_ttl)),
            ("load_timeout", Some(self.settings.load_timeout)),
            ("lease", self.settings.lease),
            ("retry_after", Some(self.settings.retry_after)),
            ("stale_for", Some(self.settings.stale_for).filter(|stale_for| !stale_for.is_zero())),
        ];
        for (setting, time) in times {
            if time.is_some_and(|time| time < MILLI || time > MAX_TTL) {
                let rule = "must be from 1 ms to 100 years";
                return Err(ConfigError::new(setting, format_args!("{:?}", time.unwrap_or_default()), rule));
            }
        }
        if !(0.0..1.0).contains(&self.settings.jitter) {
            return Err(ConfigError::new("jitter", self.settings.jitter, "must be from 0 to below 1"));
        }
        if !(0.0..=100.0).contains(&self.settings.refresh) {
            return Err(ConfigError::new("refresh_ahead", self.settings.refresh, "must be from 0 to 100"));
        }
        if limits.max_value_bytes == 0 || limits.max_value_bytes > MAX_VALUE_BYTES {
            let rule = format!("must be from 1 to {MAX_VALUE_BYTES}");
            return Err(ConfigError::new("max_value_bytes", limits.max_value_bytes, rule));
        }
        Ok(())
    }
}

impl<K: ?Sized, V> fmt::Debug for CacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
