use super::{
    Inner,
    slow_log::Values,
    table::{Counts, Key, Shared},
    tally::{Call, End},
};
use std::{
    fmt,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};
use tokio_postgres::error::SqlState;

/// A statement whose calls are counted: held beside a prepared statement, it spares each call the look-up by text.
///
/// Holding it keeps no counts: when its statement makes way for busier ones, its next call looks for a new place by the
/// fingerprint. A clone counts for the same statement.
///
/// ```
/// use perfect21_db_stats::Statements;
/// use std::time::Duration;
///
/// let statements = Statements::new(500);
/// let lookup = statements.entry("SELECT name FROM products WHERE id = $1");
/// for waited in [Duration::from_micros(30), Duration::ZERO] {
///     let mut timer = lookup.start(waited);
///     // .. send the statement and wait for the server's answer ..
///     timer.received();
///     // .. decode the rows ..
///     timer.end(Ok(1));
/// }
/// drop(lookup.start(Duration::ZERO)); // Nobody waits for the end of this one.
/// let stats = &statements.slow_statements(Default::default(), 1)[0];
/// assert_eq!((stats.calls, stats.cancelled, stats.decode.count()), (2, 1, 2));
/// ```
#[derive(Clone)]
pub struct Entry {
    pub(super) counts: Weak<Counts>,
    pub(super) key: Arc<Key>,
    pub(super) statements: Arc<Inner>,
}

impl Entry {
    /// Begins a call, which has waited so long for its connection; zero if it held one already.
    #[inline]
    pub fn start(&self, wait: Duration) -> Timer {
        let place = match self.counts.upgrade() {
            Some(counts) if !counts.is_retired() => Place::Own(counts),
            _ => self.place(),
        };
        Timer { place: Some(place), wait, start: Instant::now(), received: None, retries: 0 }
    }

    #[cold]
    fn place(&self) -> Place {
        match self.statements.place(&self.key) {
            Some(counts) => Place::Own(counts),
            None => Place::Other(Arc::clone(&self.statements.shared), Arc::clone(&self.key)),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.key).finish()
    }
}

/// Where a call is counted.
#[derive(Debug)]
enum Place {
    Own(Arc<Counts>),
    Other(Arc<Shared>, Arc<Key>),
}

/// Times one call. Dropped before [`end`](Self::end) it counts as cancelled, with the time until then.
#[derive(Debug)]
#[must_use = "a timer that is dropped counts as a cancelled call"]
pub struct Timer {
    place: Option<Place>,
    wait: Duration,
    start: Instant,
    received: Option<Instant>,
    retries: u32,
}

impl Timer {
    /// The server's answer is there: what follows is decoding.
    #[inline]
    pub fn received(&mut self) {
        self.received = Some(Instant::now());
    }

    /// The statement is sent once more: the call goes on, and counts a retry.
    pub fn retried(&mut self) {
        self.retries += 1;
        self.received = None;
    }

    /// The call is over, with so many rows or with an error and the code that the server gave it.
    #[inline]
    pub fn end(mut self, result: Result<u64, Option<SqlState>>) {
        let end = match result {
            Ok(rows) => End::Rows(rows),
            Err(code) => End::Failed(code),
        };
        self.record(&end, None);
    }

    /// [`end`](Self::end) with the values of the parameters, which the slow log may be asked to show.
    #[inline]
    pub(crate) fn end_with(mut self, result: Result<u64, Option<SqlState>>, values: Values<'_>) {
        let end = match result {
            Ok(rows) => End::Rows(rows),
            Err(code) => End::Failed(code),
        };
        self.record(&end, Some(values));
    }

    #[inline]
    fn record(&mut self, end: &End, values: Option<Values<'_>>) {
        let Some(place) = self.place.take() else { return };
        let now = Instant::now();
        let received = self.received.unwrap_or(now);
        let call = Call {
            wait: nanos(self.wait),
            server: nanos(received.saturating_duration_since(self.start)),
            decode: self.received.map(|received| nanos(now.saturating_duration_since(received))),
            retries: self.retries,
        };
        let (tally, shared, key) = match &place {
            Place::Own(counts) => (&counts.tally, &counts.shared, &counts.key),
            Place::Other(shared, key) => (&shared.other, shared, key),
        };
        tally.record(&call, end, &shared.pages);
        if shared.slow.is_slow(&call) {
            shared.slow.log(key, &call, end, now, values);
        }
    }
}

impl Drop for Timer {
    #[inline]
    fn drop(&mut self) {
        self.record(&End::Cancelled, None);
    }
}

#[inline]
fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}
