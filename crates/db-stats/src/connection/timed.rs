use crate::statement::{Statements, Timer, Values};
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// The one place where statements are timed.
pub(crate) struct Timed(Timer);

impl Timed {
    /// By its text: to look an entry up beside the prepared statement would take as long.
    pub(crate) fn start(statements: &Statements, sql: &str, wait: Duration) -> Self {
        Self(statements.entry(sql).start(wait))
    }

    pub(crate) fn retried(&mut self) {
        self.0.retried();
    }

    /// The answer begins to come.
    pub(crate) fn received(&mut self) {
        self.0.received();
    }

    pub(crate) fn end(self, rows: Result<u64, Option<&SqlState>>, values: Values<'_>) {
        self.0.end_with(rows.map_err(|code| code.cloned()), values);
    }
}
