use super::{
    table::Key,
    tally::{Call, End},
};
use crate::Fingerprint;
use parking_lot::{Mutex, RwLock};
use perfect21_core::ConfigError;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_postgres::{error::SqlState, types::ToSql};

type Sink = dyn Fn(&SlowStatement<'_>) + Send + Sync;

/// Which calls are logged one by one because they took long, how often, and where to.
///
/// With the feature `tracing` they are warnings of that crate, unless there is a callback. Without either, slow calls
/// are only counted.
///
/// ```
/// use perfect21_db_stats::SlowLog;
/// use std::time::Duration;
///
/// let log = SlowLog::builder()
///     .threshold(Duration::from_millis(200))
///     .per_second(5)
///     .on_slow(|slow| eprintln!("{:?} for {}", slow.server, slow.sql))
///     .build()?;
/// # Ok::<_, perfect21_db_stats::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct SlowLog {
    threshold: Duration,
    per_second: u32,
    parameters: bool,
    sink: Option<Arc<Sink>>,
}

/// A call that took long: no value of a parameter, unless that was [asked for](SlowLogBuilder::parameters), and none of a
/// constant.
#[derive(Debug)]
#[non_exhaustive]
pub struct SlowStatement<'a> {
    /// Which statement.
    pub fingerprint: Fingerprint,
    /// Its normalised text.
    pub sql: &'a str,
    /// How long the call waited for its connection; not part of what makes it slow.
    pub wait: Duration,
    /// From sending to the server's answer.
    pub server: Duration,
    /// From the answer to the last row.
    pub decode: Duration,
    /// How it ended.
    pub outcome: SlowOutcome<'a>,
    /// The values of its parameters as Rust shows them, the first 1000 bytes of it; `None` unless they were asked for, and
    /// of a call for whose end nobody waited.
    pub parameters: Option<&'a str>,
    /// How many slow calls were not logged since the last one that was.
    pub not_logged: u64,
}

/// How a slow call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowOutcome<'a> {
    /// With so many rows.
    Rows(u64),
    /// In error, with the code that the server gave, if it gave one.
    Failed(Option<&'a SqlState>),
    /// Nobody waited for its end.
    Cancelled,
}

impl SlowLog {
    /// Begins a log with the default settings.
    pub fn builder() -> SlowLogBuilder {
        SlowLogBuilder(Self::default())
    }
}

impl Default for SlowLog {
    /// Logs calls of 500 ms and more, at most ten a second.
    fn default() -> Self {
        Self { threshold: Duration::from_millis(500), per_second: 10, parameters: false, sink: None }
    }
}

impl fmt::Debug for SlowLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowLog")
            .field("threshold", &self.threshold)
            .field("per_second", &self.per_second)
            .finish_non_exhaustive()
    }
}

/// Makes a [`SlowLog`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build()`"]
pub struct SlowLogBuilder(SlowLog);

impl SlowLogBuilder {
    /// From when on a call is slow: server, network and decoding together. Default: 500 ms.
    pub fn threshold(mut self, threshold: Duration) -> Self {
        self.0.threshold = threshold;
        self
    }

    /// How many are logged within a second; the rest is counted. Default: 10.
    pub fn per_second(mut self, per_second: u32) -> Self {
        self.0.per_second = per_second;
        self
    }

    /// Whether the values of parameters are logged too. They may be secrets of those who use the service. Default: no.
    pub fn parameters(mut self, logged: bool) -> Self {
        self.0.parameters = logged;
        self
    }

    /// What is called with each, on the thread whose call was slow: it should neither block nor panic.
    pub fn on_slow(mut self, sink: impl Fn(&SlowStatement<'_>) + Send + Sync + 'static) -> Self {
        self.0.sink = Some(Arc::new(sink));
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// If the threshold or the number a second is zero.
    pub fn build(self) -> Result<SlowLog, ConfigError> {
        if self.0.threshold.is_zero() {
            return Err(ConfigError::new("threshold", "0 ns", "must be above zero"));
        }
        if self.0.per_second == 0 {
            return Err(ConfigError::new("per_second", 0, "must be at least 1"));
        }
        Ok(self.0)
    }
}

/// Lets through what is to be logged.
pub(super) struct SlowGate {
    /// In nanoseconds; no call is as long as `u64::MAX`.
    threshold: AtomicU64,
    log: RwLock<Option<SlowLog>>,
    /// Who wants to know which statements are slow, logged or not.
    listeners: Mutex<Vec<mpsc::Sender<Arc<Key>>>>,
    started: Instant,
    /// The second since `started` in the upper half, and how many were logged within it.
    window: AtomicU64,
    slow: AtomicU64,
    logged: AtomicU64,
    /// How many were not logged since the last one that was.
    skipped: AtomicU64,
}

impl Default for SlowGate {
    fn default() -> Self {
        let gate = Self {
            threshold: AtomicU64::new(u64::MAX),
            log: RwLock::new(None),
            listeners: Mutex::default(),
            started: Instant::now(),
            window: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            logged: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        };
        gate.set(Some(SlowLog::default()));
        gate
    }
}

impl SlowGate {
    pub(super) fn set(&self, log: Option<SlowLog>) {
        let mut current = self.log.write();
        let nanos = |log: &SlowLog| u64::try_from(log.threshold.as_nanos()).unwrap_or(u64::MAX);
        self.threshold.store(log.as_ref().map_or(u64::MAX, nanos), Relaxed);
        *current = log;
    }

    pub(super) fn tell(&self, listener: mpsc::Sender<Arc<Key>>) {
        let mut listeners = self.listeners.lock();
        listeners.retain(|listener| !listener.is_closed());
        listeners.push(listener);
    }

    /// How many slow calls there were, and how many of them were logged.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.slow.load(Relaxed), self.logged.load(Relaxed))
    }

    #[inline]
    pub(super) fn is_slow(&self, call: &Call) -> bool {
        call.server.saturating_add(call.decode.unwrap_or(0)) >= self.threshold.load(Relaxed)
    }

    #[cold]
    pub(super) fn log(
        &self,
        key: &Arc<Key>,
        call: &Call,
        end: &End,
        now: Instant,
        values: Option<Values<'_>>,
    ) {
        for listener in &*self.listeners.lock() {
            // One that is full hears of the next slow call.
            let _ = listener.try_send(Arc::clone(key));
        }
        // The lock is not held while it is called: it may set another log.
        let Some(log) = self.log.read().clone() else { return };
        self.slow.fetch_add(1, Relaxed);
        let has_sink = log.sink.is_some() || cfg!(feature = "tracing");
        // A panic in the callback while another one unwinds would end the process.
        if !has_sink || std::thread::panicking() || !self.admit(log.per_second, now) {
            self.skipped.fetch_add(1, Relaxed);
            return;
        }
        self.logged.fetch_add(1, Relaxed);
        let parameters = values.filter(|_| log.parameters).map(shown);
        let slow = SlowStatement {
            fingerprint: key.fingerprint,
            sql: &key.sql,
            wait: Duration::from_nanos(call.wait),
            server: Duration::from_nanos(call.server),
            decode: Duration::from_nanos(call.decode.unwrap_or(0)),
            outcome: match end {
                End::Rows(rows) => SlowOutcome::Rows(*rows),
                End::Failed(code) => SlowOutcome::Failed(code.as_ref()),
                End::Cancelled => SlowOutcome::Cancelled,
            },
            parameters: parameters.as_deref(),
            not_logged: self.skipped.swap(0, Relaxed),
        };
        match &log.sink {
            Some(sink) => sink(&slow),
            None => warn(&slow),
        }
    }

    fn admit(&self, per_second: u32, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.started).as_secs();
        self.window
            .fetch_update(Relaxed, Relaxed, |window| {
                let logged = if window >> 32 == second { window & u64::from(u32::MAX) } else { 0 };
                (logged < per_second.into()).then_some(second << 32 | (logged + 1))
            })
            .is_ok()
    }
}

impl fmt::Debug for SlowGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowGate").field("log", &self.log.read()).finish_non_exhaustive()
    }
}

/// The parameters of a call.
pub(crate) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// As much of them as is logged.
fn shown(values: Values<'_>) -> String {
    struct Cut(String);
    impl fmt::Write for Cut {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = MOST_SHOWN - self.0.len();
            let end = text.floor_char_boundary(room);
            self.0.push_str(&text[..end]);
            // What comes after need not even be made.
            if end < text.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut cut = Cut(String::new());
    if fmt::Write::write_fmt(&mut cut, format_args!("{values:?}")).is_err() {
        cut.0.push('…');
    }
    cut.0
}

const MOST_SHOWN: usize = 1000;

#[cfg(feature = "tracing")]
fn warn(slow: &SlowStatement<'_>) {
    tracing::warn!(
        fingerprint = %slow.fingerprint,
        sql = slow.sql,
        wait = ?slow.wait,
        server = ?slow.server,
        decode = ?slow.decode,
        outcome = ?slow.outcome,
        parameters = slow.parameters,
        not_logged = slow.not_logged,
        "slow statement"
    );
}

#[cfg(not(feature = "tracing"))]
fn warn(_: &SlowStatement<'_>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_the_parameters_is_shown_than_is_said() {
        assert_eq!(shown(&[&7_i32, &"it's", &None::<i64>]), "[7, \"it's\", None]");
        let long = "ä".repeat(5000);
        let text = shown(&[&long.as_str()]);
        assert!(text.len() <= MOST_SHOWN + '…'.len_utf8() && text.ends_with("ä…"), "{text}");
    }

    #[test]
    fn a_second_has_its_number_and_the_next_one_its_own() {
        let gate = SlowGate::default();
        let at = |millis| gate.started + Duration::from_millis(millis);
        let admitted = [0, 1, 999, 1000, 1001, 1999, 5000].map(|millis| gate.admit(2, at(millis)));
        assert_eq!(admitted, [true, true, false, true, true, false, true]);
    }
}
