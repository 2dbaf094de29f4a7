use crate::statement::{Statements, Timer};
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

    pub(crate) fn end(self, rows: Result<u64, Option<&SqlState>>) {
        self.0.end(rows.map_err(|code| code.cloned()));
    }
}
