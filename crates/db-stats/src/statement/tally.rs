use super::histogram::{Histogram, Pages, Sums};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio_postgres::error::SqlState;

/// So many codes are told apart for each statement.
pub(super) const MAX_CODES: usize = 8;

/// The numbers of one statement, or of all that have no place of their own.
#[derive(Debug, Default)]
pub(super) struct Tally {
    calls: AtomicU64,
    cancelled: AtomicU64,
    /// Of server, network and decoding together, exactly.
    nanos: AtomicU64,
    rows: AtomicU64,
    retries: AtomicU64,
    pub(super) wait: Histogram,
    pub(super) server: Histogram,
    pub(super) decode: Histogram,
    errors: Mutex<Errors>,
}

/// How often a statement failed, by code; without one where the server sent none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Errors {
    pub(super) by_code: Vec<(Option<SqlState>, u64)>,
    pub(super) others: u64,
}

/// One call that is over; times in nanoseconds.
#[derive(Debug)]
pub(super) struct Call {
    /// Zero if the connection was held already.
    pub(super) wait: u64,
    pub(super) server: u64,
    pub(super) decode: Option<u64>,
    pub(super) retries: u32,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum End {
    Rows(u64),
    Failed(Option<SqlState>),
    Cancelled,
}

/// The numbers of a tally that the metrics show.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    pub(super) server: Sums,
    pub(super) rows: u64,
    pub(super) errors: u64,
    pub(super) cancelled: u64,
    pub(super) retries: u64,
}

impl Tally {
    #[inline]
    pub(super) fn record(&self, call: &Call, end: &End, opened: &Pages) {
        if call.wait > 0 {
            self.wait.record(call.wait, opened);
        }
        self.server.record(call.server, opened);
        if let Some(decode) = call.decode {
            self.decode.record(decode, opened);
        }
        self.nanos.fetch_add(call.server.saturating_add(call.decode.unwrap_or(0)), Relaxed);
        if call.retries > 0 {
            self.retries.fetch_add(call.retries.into(), Relaxed);
        }
        match end {
            End::Rows(0) => {}
            End::Rows(rows) => {
                self.rows.fetch_add(*rows, Relaxed);
            }
            End::Failed(code) => self.errors.lock().add(code, 1),
            End::Cancelled => {
                self.cancelled.fetch_add(1, Relaxed);
                return;
            }
        }
        self.calls.fetch_add(1, Relaxed);
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    pub(super) fn cancelled(&self) -> u64 {
        self.cancelled.load(Relaxed)
    }

    pub(super) fn nanos(&self) -> u64 {
        self.nanos.load(Relaxed)
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }

    pub(super) fn retries(&self) -> u64 {
        self.retries.load(Relaxed)
    }

    pub(super) fn errors(&self) -> Errors {
        self.errors.lock().clone()
    }

    pub(super) fn error_count(&self) -> u64 {
        self.errors.lock().count()
    }

    pub(super) fn add_to(&self, totals: &mut Totals) {
        self.server.add_to(&mut totals.server);
        totals.rows += self.rows();
        totals.errors += self.error_count();
        totals.cancelled += self.cancelled();
        totals.retries += self.retries();
    }

    /// Moves all numbers to another one. What is recorded meanwhile is in one of them.
    pub(super) fn move_to(&self, other: &Self, opened: &Pages) {
        for (ours, theirs) in [
            (&self.calls, &other.calls),
            (&self.cancelled, &other.cancelled),
            (&self.nanos, &other.nanos),
            (&self.rows, &other.rows),
            (&self.retries, &other.retries),
        ] {
            theirs.fetch_add(ours.swap(0, Relaxed), Relaxed);
        }
        for (ours, theirs) in
            [(&self.wait, &other.wait), (&self.server, &other.server), (&self.decode, &other.decode)]
        {
            ours.move_to(theirs, opened);
        }
        let errors = std::mem::take(&mut *self.errors.lock());
        let mut theirs = other.errors.lock();
        for (code, count) in &errors.by_code {
            theirs.add(code, *count);
        }
        theirs.others += errors.others;
    }

    pub(super) fn closed(&self, opened: &Pages) {
        for histogram in [&self.wait, &self.server, &self.decode] {
            histogram.closed(opened);
        }
    }
}

impl Errors {
    fn add(&mut self, code: &Option<SqlState>, count: u64) {
        match self.by_code.iter().position(|(known, _)| known == code) {
            Some(known) => self.by_code[known].1 += count,
            None if self.by_code.len() < MAX_CODES => self.by_code.push((code.clone(), count)),
            None => self.others += count,
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.by_code.iter().map(|(_, count)| count).sum::<u64>() + self.others
    }
}

impl Totals {
    pub(super) fn add(&mut self, other: &Self) {
        self.server.add(&other.server);
        self.rows += other.rows;
        self.errors += other.errors;
        self.cancelled += other.cancelled;
        self.retries += other.retries;
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        self.server.subtract(&other.server);
        self.rows = self.rows.saturating_sub(other.rows);
        self.errors = self.errors.saturating_sub(other.errors);
        self.cancelled = self.cancelled.saturating_sub(other.cancelled);
        self.retries = self.retries.saturating_sub(other.retries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(tally: &Tally, code: Option<&str>) {
        let call = Call { wait: 0, server: 1_000_000, decode: None, retries: 0 };
        let end = End::Failed(code.map(SqlState::from_code));
        tally.record(&call, &end, &Pages::default());
    }

    #[test]
    fn codes_beyond_the_bound_are_counted_together_and_none_is_lost_on_the_way() {
        let (tally, other) = (Tally::default(), Tally::default());
        failed(&tally, None);
        for n in 0..MAX_CODES + 2 {
            failed(&tally, Some(&format!("X000{n}")));
        }
        failed(&tally, Some("X0000"));
        let errors = tally.errors();
        assert_eq!(errors.by_code.len(), MAX_CODES);
        assert_eq!(errors.by_code[..2], [(None, 1), (Some(SqlState::from_code("X0000")), 2)]);
        assert_eq!((errors.others, errors.count()), (3, 12));
        failed(&other, Some("Y0000"));
        tally.move_to(&other, &Pages::default());
        assert_eq!((tally.error_count(), tally.calls()), (0, 0));
        assert_eq!((other.error_count(), other.calls()), (13, 13));
    }
}
