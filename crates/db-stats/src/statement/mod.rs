//! What statements cost: by fingerprint, for a bounded number of them.

mod candidates;
mod histogram;
mod shown;
mod slow_log;
mod stats;
mod table;
mod tally;
mod texts;
mod timer;

pub(crate) use shown::ShownStatement;
pub(crate) use slow_log::Values;
pub use slow_log::{SlowLog, SlowLogBuilder, SlowOutcome, SlowStatement};
pub use stats::{Order, StatementStats};
pub(crate) use table::Key as SlowKey;
pub use timer::{Entry, Timer};

use crate::Fingerprint;
use candidates::Candidates;
use parking_lot::{Mutex, RwLock};
use shown::Shown;
use std::{
    cmp::Reverse,
    fmt,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};
use table::{Counts, Key, MAX_STATEMENTS, Shared, Table};
use tally::Tally;
use texts::Texts;
use tokio::sync::mpsc;

/// What the statements of a pool cost, by their [`Fingerprint`]; clones share the counts.
///
/// A statement takes 1 KiB, its text, and 256 bytes for each range of durations (1 to 16 µs, 16 to 262 µs, ..) that its
/// waits, answers or decodings were in: 2 to 4 KiB in all. All together, at most [`MAX`](Self::MAX), take at most 64 MB:
/// beyond that the least used make way, when a new statement comes or numbers are read. When as many are known as may be,
/// the least used of late makes way for one that is called more often; the counts of those without a place are in
/// [`other`](Self::other), and none is lost.
///
/// A call on a held [`Entry`] takes two readings of the clock, three if decoding is told apart, and some ten
/// additions, whatever the number of statements.
///
/// ```
/// use perfect21_db_stats::{Order, Statements};
/// use std::time::Duration;
///
/// let statements = Statements::new(500);
/// for id in 0..3 {
///     let timer = statements.start(&format!("SELECT name FROM products WHERE id = {id}"));
///     timer.end(Ok(1));
/// }
/// let slow = statements.slow_statements(Order::TotalTime, Statements::DEFAULT_LIMIT);
/// assert_eq!(slow[0].sql, "select name from products where id = $1");
/// assert_eq!((slow[0].calls, slow[0].rows), (3, 3));
/// assert!(slow[0].mean().unwrap() < Duration::from_secs(1));
/// ```
#[derive(Clone)]
pub struct Statements(Arc<Inner>);

struct Inner {
    texts: Texts,
    table: RwLock<Table>,
    candidates: Candidates,
    shared: Arc<Shared>,
    /// Held while numbers are read, and while those of a statement that makes way are moved: whoever reads sees each
    /// once.
    reading: Mutex<Shown>,
    started: Instant,
}

impl Statements {
    /// The most statements that can be told apart.
    pub const MAX: usize = MAX_STATEMENTS;
    /// How many statements a list shows unless more are asked for.
    pub const DEFAULT_LIMIT: usize = 10;

    /// Counts at most so many statements apart: at least 1, and at most [`MAX`](Self::MAX).
    #[must_use]
    pub fn new(max: usize) -> Self {
        let shared = Arc::<Shared>::default();
        Self(Arc::new(Inner {
            texts: Texts::default(),
            table: RwLock::new(Table::new(Arc::clone(&shared), max)),
            candidates: Candidates::default(),
            shared,
            reading: Mutex::default(),
            started: Instant::now(),
        }))
    }

    /// The statement of this text, to hold where it is called more than once.
    ///
    /// Takes some 50 ns for a text seen of late, and else the time of [`Fingerprint::of`]; a
    /// statement without a place is also normalised.
    #[must_use]
    pub fn entry(&self, sql: &str) -> Entry {
        let fingerprint = self.0.texts.fingerprint(sql);
        let table = self.0.table.read();
        let known = table.get(fingerprint).map(|counts| (Arc::downgrade(counts), Arc::clone(&counts.key)));
        let has_room = table.has_room();
        drop(table);
        let (counts, key) = known.unwrap_or_else(|| self.0.new_entry(Key::new(fingerprint, sql), has_room));
        Entry { counts, key, statements: Arc::clone(&self.0) }
    }

    /// Begins a call of a statement on a connection that is held already.
    pub fn start(&self, sql: &str) -> Timer {
        self.entry(sql).start(Duration::ZERO)
    }

    /// The statements with most of something, at most `limit` of them, without [`other`](Self::other).
    ///
    /// Takes 0.2 ms with ten thousand known statements, more with [`Order::P99`]. Calls are not kept waiting meanwhile.
    #[must_use]
    pub fn slow_statements(&self, order: Order, limit: usize) -> Vec<StatementStats> {
        self.0.read(|all, _| {
            all.sort_by_cached_key(|counts| Reverse(order.rank(&counts.tally)));
            let first = all.iter().take(limit);
            first.map(|counts| StatementStats::new(Some(&counts.key), &counts.tally)).collect()
        })
    }

    /// What one statement cost, if it has a place of its own: takes some microseconds, however many there are. Calls are not
    /// kept waiting meanwhile.
    ///
    /// ```
    /// use perfect21_db_stats::{Fingerprint, Statements};
    ///
    /// let statements = Statements::new(500);
    /// statements.start("SELECT name FROM products WHERE id = 7").end(Ok(1));
    /// let stats = statements.get(Fingerprint::of("select name from products where id = $1"));
    /// assert_eq!(stats.map(|stats| stats.calls), Some(1));
    /// ```
    #[must_use]
    pub fn get(&self, fingerprint: Fingerprint) -> Option<StatementStats> {
        let _nothing_moves = self.0.reading.lock();
        let counts = self.0.table.read().get(fingerprint).cloned()?;
        Some(StatementStats::new(Some(&counts.key), &counts.tally))
    }

    /// What the statements cost together that have no place of their own: seldom used ones, when there are too many.
    #[must_use]
    pub fn other(&self) -> StatementStats {
        self.0.read(|_, other| StatementStats::new(None, other))
    }

    /// How many statements are told apart now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.table.read().len()
    }

    /// Whether no statement was seen yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Logs slow calls so from now on, or, with `None`, no more. At first it is the default [`SlowLog`].
    pub fn set_slow_log(&self, log: impl Into<Option<SlowLog>>) {
        self.0.shared.slow.set(log.into());
    }

    /// Tells of each slow statement; of those that there is no room for it does not.
    pub(crate) fn tell_slow(&self, listener: mpsc::Sender<Arc<SlowKey>>) {
        self.0.shared.slow.tell(listener);
    }

    /// How many calls were slow since the start, by the log's threshold of their time, and how many of them were logged.
    #[must_use]
    pub fn slow_calls(&self) -> (u64, u64) {
        self.0.shared.slow.counts()
    }

    /// What metrics show: the statements with most time, each since it is shown, and the rest.
    pub(crate) fn shown(&self) -> (Vec<ShownStatement>, ShownStatement) {
        let inner = &self.0;
        let mut shown = inner.reading.lock();
        inner.trim();
        let all = inner.table.read().all();
        let (statements, rest) = shown.update(all, &inner.shared.other);
        let statements = statements.into_iter().map(|(key, totals)| ShownStatement::new(Some(&key), &totals));
        (statements.collect(), ShownStatement::new(None, &rest))
    }
}

impl Inner {
    #[cold]
    fn new_entry(&self, key: Arc<Key>, has_room: bool) -> (Weak<Counts>, Arc<Key>) {
        // Where there is no room, a flood of new texts must not lock out those that have their place.
        let counts = has_room.then(|| self.table.write().get_or_insert(&key, self.minute())).flatten();
        (counts.as_ref().map_or_else(Weak::new, Arc::downgrade), key)
    }

    /// The place of a statement whose entry has none: one that it has by now, or that it is busy enough for.
    fn place(&self, key: &Arc<Key>) -> Option<Arc<Counts>> {
        if let Some(counts) = self.table.read().get(key.fingerprint) {
            return Some(Arc::clone(counts));
        }
        let minute = self.minute();
        let uses = self.candidates.count(key.fingerprint, minute);
        // One-off statements must not even lock; and whoever was refused comes again when it is twice as busy.
        if uses < 2 || !uses.is_power_of_two() {
            return None;
        }
        // Who reads now is not kept waiting, nor waited for.
        let _nobody_reads = self.reading.try_lock()?;
        let mut table = self.table.write();
        let counts = table.get_or_insert(key, minute).or_else(|| table.replace(key, uses, minute));
        table.trim(minute);
        counts
    }

    fn read<T>(&self, read: impl FnOnce(&mut Vec<Arc<Counts>>, &Tally) -> T) -> T {
        let _nothing_moves = self.reading.lock();
        self.trim();
        let mut all = self.table.read().all();
        read(&mut all, &self.shared.other)
    }

    /// The caller holds `reading`.
    fn trim(&self) {
        if self.table.read().is_over_budget() {
            self.table.write().trim(self.minute());
        }
    }

    fn minute(&self) -> u64 {
        self.started.elapsed().as_secs() / 60
    }
}

impl fmt::Debug for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.0.table.read();
        f.debug_struct("Statements").field("known", &table.len()).field("max", &table.max()).finish()
    }
}

#[cfg(all(test, not(perfect21_loom)))]
mod tests {
    use super::*;
    use perfect21_test_support::alloc::{Counting, Counts as Allocated};
    use tally::{Call, End};
    use tokio_postgres::error::SqlState;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting::new();

    /// A full table whose statements have these waits, answers and decodings, and what it takes in bytes.
    fn full(text: impl Fn(usize) -> String, durations: &[[u64; 3]], codes: usize) -> (Statements, i64) {
        let before = Allocated::thread().live;
        let statements = Statements::new(usize::MAX);
        for n in 0..Statements::MAX {
            let entry = statements.entry(&text(n));
            let counts = entry.counts.upgrade().or_else(|| statements.0.place(&entry.key));
            let tally = counts.as_ref().map_or(&statements.0.shared.other, |counts| &counts.tally);
            for (m, [wait, server, decode]) in durations.iter().enumerate() {
                let call = Call { wait: *wait, server: *server, decode: Some(*decode), retries: 0 };
                let end = match m < codes {
                    true => End::Failed(Some(SqlState::from_code(&format!("X{m:04}")))),
                    false => End::Rows(1),
                };
                tally.record(&call, &end, &statements.0.shared.pages);
            }
        }
        let _ = statements.other(); // Reading trims it.
        (statements, Allocated::thread().live - before)
    }

    fn calls(statements: &Statements) -> u64 {
        let all = statements.slow_statements(Order::Calls, usize::MAX);
        all.iter().chain([&statements.other()]).map(|stats| stats.calls).sum()
    }

    #[test]
    fn a_usual_statement_takes_less_than_4_kib() {
        const MICROS: u64 = 1_000;
        let durations: Vec<_> =
            (0..60).map(|n| [n * n * MICROS, (300 + 3 * n * n) * MICROS, (1 + n) * MICROS]).collect();
        let text =
            |n| format!("SELECT id, name, price, stock FROM products_{n} WHERE category = $1 ORDER BY price");
        let (statements, bytes) = full(text, &durations, 0);
        assert_eq!(statements.len(), Statements::MAX);
        let each = bytes / Statements::MAX as i64;
        assert!((1024..4096).contains(&each), "{each} bytes");
        assert_eq!(calls(&statements), 60 * Statements::MAX as u64);
    }

    #[test]
    fn the_largest_statements_take_less_than_64_mb_and_lose_no_count() {
        let durations: Vec<_> = (1..42).map(|bits| [1 << bits; 3]).collect();
        let long = "a_column_with_a_long_name, ".repeat(50);
        let text = |n| format!("SELECT table_{n}.a, {long}b FROM t");
        let (statements, bytes) = full(text, &durations, 10);
        assert!(bytes < 64_000_000, "{bytes} bytes");
        assert!((5_000..Statements::MAX).contains(&statements.len()), "{}", statements.len());
        assert_eq!(calls(&statements), 41 * Statements::MAX as u64);
    }
}
