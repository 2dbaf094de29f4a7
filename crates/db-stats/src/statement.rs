use parking_lot::RwLock;
use perfect21_core::LatencySnapshot;
use perfect21_meter::{Counter, LatencyCell};
use std::{collections::HashMap, fmt, sync::Arc, time::Instant};

/// What the statements of a pool cost, by their text; clones share the counts.
///
/// Texts beyond the pool's `max_statements` are counted together as `other`. Each text takes a few KiB.
#[derive(Clone)]
pub struct Statements(Arc<Inner>);

struct Inner {
    max: usize,
    by_text: RwLock<HashMap<Box<str>, Arc<Counts>>>,
    other: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    latency: LatencyCell,
    rows: Counter,
    errors: Counter,
    cancelled: Counter,
}

/// What one statement cost so far.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StatementStats {
    /// Its text, or `other`.
    pub sql: String,
    /// How often it ran to its end, in error too.
    pub calls: u64,
    /// Rows it returned in all.
    pub rows: u64,
    /// How often it failed.
    pub errors: u64,
    /// How often nobody waited for its end.
    pub cancelled: u64,
    /// From sending to the last row, without the wait for a connection.
    pub latency: LatencySnapshot,
}

impl Statements {
    pub(crate) fn new(max: usize) -> Self {
        Self(Arc::new(Inner { max, by_text: RwLock::default(), other: Arc::default() }))
    }

    /// The statements that took most time in all, at most so many.
    #[must_use]
    pub fn slowest(&self, most: usize) -> Vec<StatementStats> {
        let mut all = self.all();
        all.sort_by_key(|statement| std::cmp::Reverse(statement.latency.sum()));
        all.truncate(most);
        all
    }

    pub(crate) fn all(&self) -> Vec<StatementStats> {
        let by_text = self.0.by_text.read();
        let mut all: Vec<_> = by_text.iter().map(|(sql, counts)| counts.stats(sql)).collect();
        drop(by_text);
        let other = self.0.other.stats("other");
        if other.calls + other.cancelled > 0 {
            all.push(other);
        }
        all
    }

    pub(crate) fn start(&self, sql: &str) -> Timer {
        Timer { counts: Some(self.counts(sql)), start: Instant::now() }
    }

    fn counts(&self, sql: &str) -> Arc<Counts> {
        if let Some(counts) = self.0.by_text.read().get(sql) {
            return Arc::clone(counts);
        }
        let mut by_text = self.0.by_text.write();
        if by_text.len() >= self.0.max && !by_text.contains_key(sql) {
            return Arc::clone(&self.0.other);
        }
        Arc::clone(by_text.entry(sql.into()).or_default())
    }
}

impl fmt::Debug for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statements")
            .field("texts", &self.0.by_text.read().len())
            .field("max", &self.0.max)
            .finish()
    }
}

impl Counts {
    fn stats(&self, sql: &str) -> StatementStats {
        let latency = self.latency.snapshot();
        StatementStats {
            sql: sql.to_owned(),
            calls: latency.count(),
            rows: self.rows.total(),
            errors: self.errors.total(),
            cancelled: self.cancelled.total(),
            latency,
        }
    }
}

/// Times one call; dropped without an end it counts as cancelled.
pub(crate) struct Timer {
    counts: Option<Arc<Counts>>,
    start: Instant,
}

impl Timer {
    pub(crate) fn end(mut self, rows: Result<u64, ()>) {
        let Some(counts) = self.counts.take() else { return };
        counts.latency.record(self.start.elapsed());
        match rows {
            Ok(rows) => counts.rows.add(rows),
            Err(()) => counts.errors.increment(),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(counts) = &self.counts {
            counts.cancelled.increment();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_beyond_the_bound_are_counted_together() {
        let statements = Statements::new(2);
        for sql in ["a", "b", "c", "d", "a"] {
            statements.start(sql).end(Ok(3));
        }
        statements.start("c").end(Err(()));
        drop(statements.start("b"));
        let all = statements.slowest(10);
        let find =
            |sql: &str| all.iter().find(|s| s.sql == sql).map(|s| (s.calls, s.rows, s.errors, s.cancelled));
        assert_eq!(find("a"), Some((2, 6, 0, 0)));
        assert_eq!(find("b"), Some((1, 3, 0, 1)));
        assert_eq!(find("other"), Some((3, 6, 1, 0)));
        assert_eq!(all.len(), 3);
    }
}
