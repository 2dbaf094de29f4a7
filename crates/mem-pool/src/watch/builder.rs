use super::{Watch, allocator, level::Band};
use perfect21_core::{Bytes, Clock, ConfigError, SystemClock};
use perfect21_host::Host;
use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

/// Settings of a [`Watch`]; made by [`Watch::builder`].
#[must_use = "a builder does nothing until .build()"]
pub struct WatchBuilder {
    root: PathBuf,
    clock: Arc<dyn Clock>,
    max_rss: Option<Bytes>,
    critical_rss: Option<Bytes>,
    shares: (f64, f64),
    stalls: (f64, f64),
    interval: Duration,
    clean_up_every: Duration,
    repeat: Duration,
    hold: Duration,
    purge: Box<dyn Fn() + Send + Sync>,
}

/// What a watch goes by.
pub(super) struct Settings {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rss: Band,
    pub(super) shares: Band,
    pub(super) stalls: Band,
    pub(super) interval: Duration,
    pub(super) clean_up_every: Duration,
    pub(super) repeat: Duration,
    pub(super) hold: Duration,
    pub(super) purge: Box<dyn Fn() + Send + Sync>,
}

impl WatchBuilder {
    pub(super) fn new() -> Self {
        Self {
            root: "/".into(),
            clock: Arc::new(SystemClock),
            max_rss: Some(Bytes::new(500_000_000)),
            critical_rss: None,
            shares: (0.85, 0.95),
            stalls: (0.10, 0.10),
            interval: Duration::from_secs(1),
            clean_up_every: Duration::from_secs(300),
            repeat: Duration::from_secs(10),
            hold: Duration::from_secs(30),
            purge: Box::new(allocator::release_free_pages),
        }
    }

    /// Resident memory from which on memory is [`Elevated`](perfect21_core::Pressure::Elevated). Default: 500 MB.
    pub fn max_rss(mut self, bytes: impl Into<Bytes>) -> Self {
        self.max_rss = Some(bytes.into());
        self
    }

    /// No threshold of our own: only limits and stalls count.
    pub fn no_max_rss(mut self) -> Self {
        self.max_rss = None;
        self
    }

    /// Resident memory from which on memory is [`Critical`](perfect21_core::Pressure::Critical). Default: none, as
    /// nobody kills for a threshold of one's own.
    pub fn critical_rss(mut self, bytes: impl Into<Bytes>) -> Self {
        self.critical_rss = Some(bytes.into());
        self
    }

    /// From which shares on, 0 to 1, memory is elevated and critical: what our cgroup uses of its limit, and the
    /// machine's used memory of all it has. Default: 0.85 and 0.95.
    pub fn limit_shares(mut self, elevated: f64, critical: f64) -> Self {
        self.shares = (elevated, critical);
        self
    }

    /// From which shares of the last 10 s on, 0 to 1, memory is elevated (some task waited for it) and critical (all
    /// did at once). Default: 0.10 and 0.10.
    pub fn stall_shares(mut self, some: f64, full: f64) -> Self {
        self.stalls = (some, full);
        self
    }

    /// How often [`Watch::run`] ticks. Default: 1 s.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How often everything is asked to give back what was not used for a while, also when nothing is short.
    /// Default: 300 s.
    pub fn clean_up_every(mut self, period: Duration) -> Self {
        self.clean_up_every = period;
        self
    }

    /// How long after a clean-up the next one comes while the level stays high. It doubles each time, up to
    /// [`clean_up_every`](Self::clean_up_every): a service that simply needs its memory shall not lose its caches every
    /// few seconds. Default: 10 s.
    pub fn repeat(mut self, pause: Duration) -> Self {
        self.repeat = pause;
        self
    }

    /// How long values must stay 10 % below a threshold before the level falls. Default: 30 s.
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// What makes the allocator give free pages back after each clean-up. Default: glibc's `malloc_trim(0)` where that
    /// is the C library, a purge of all arenas of jemalloc with the feature `jemalloc`, and `mi_collect(true)` with the
    /// feature `mimalloc` (which reaches the heap of the thread that cleans up, and those of threads that have ended).
    pub fn purge(mut self, purge: impl Fn() + Send + Sync + 'static) -> Self {
        self.purge = Box::new(purge);
        self
    }

    /// Where `/proc` and `/sys` are read: `/` unless set; a test gives a tree of its own.
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    /// Where the time is read. Default: the system's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens the files; what this machine does not offer is an error in each tick's
    /// [`Readings`](super::Readings), and none here.
    ///
    /// # Errors
    /// If a bound or a duration is zero, a share is not between 0 and 1, a critical value is below the elevated one,
    /// or `root` is no directory.
    pub fn build(self) -> Result<Watch, ConfigError> {
        self.check()?;
        let host = Host::builder().root(&self.root).clock(Arc::clone(&self.clock)).build()?;
        Ok(self.over(host))
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (setting, bytes) in [("max_rss", self.max_rss), ("critical_rss", self.critical_rss)] {
            if bytes == Some(Bytes::new(0)) {
                return Err(ConfigError::new(setting, Bytes::new(0), "must be at least 1 B"));
            }
        }
        if let (Some(max), Some(critical)) = (self.max_rss, self.critical_rss)
            && critical < max
        {
            let rule = format!("must not be below max_rss, which is {max}");
            return Err(ConfigError::new("critical_rss", critical, rule));
        }
        check_shares("limit_shares", self.shares)?;
        check_shares("stall_shares", self.stalls)?;
        if self.shares.1 < self.shares.0 {
            let rule = format!("critical must not be below elevated, which is {}", self.shares.0);
            return Err(ConfigError::new("limit_shares", self.shares.1, rule));
        }
        for (setting, duration) in [
            ("interval", self.interval),
            ("clean_up_every", self.clean_up_every),
            ("repeat", self.repeat),
            ("hold", self.hold),
        ] {
            if duration.is_zero() {
                return Err(ConfigError::new(setting, format_args!("{duration:?}"), "must be above zero"));
            }
        }
        Ok(())
    }

    pub(super) fn over(self, host: Host) -> Watch {
        let band = |(elevated, critical)| Band { elevated, critical };
        let settings = Settings {
            clock: self.clock,
            rss: band((bytes_or_never(self.max_rss), bytes_or_never(self.critical_rss))),
            shares: band(self.shares),
            stalls: band(self.stalls),
            interval: self.interval,
            clean_up_every: self.clean_up_every,
            repeat: self.repeat,
            hold: self.hold,
            purge: self.purge,
        };
        Watch::from_settings(settings, host)
    }
}

fn check_shares(setting: &'static str, (elevated, critical): (f64, f64)) -> Result<(), ConfigError> {
    for share in [elevated, critical] {
        if !(share > 0.0 && share <= 1.0) {
            return Err(ConfigError::new(setting, share, "must be above 0 and at most 1"));
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "sizes below 2^53")]
fn bytes_or_never(bytes: Option<Bytes>) -> f64 {
    bytes.map_or(f64::INFINITY, |bytes| bytes.get() as f64)
}

impl fmt::Debug for WatchBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchBuilder")
            .field("root", &self.root)
            .field("max_rss", &self.max_rss)
            .field("critical_rss", &self.critical_rss)
            .field("limit_shares", &self.shares)
            .field("stall_shares", &self.stalls)
            .field("interval", &self.interval)
            .field("clean_up_every", &self.clean_up_every)
            .field("repeat", &self.repeat)
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}
