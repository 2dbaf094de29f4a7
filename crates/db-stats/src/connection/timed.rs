use crate::statement::{Statements, Timer};
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// The one place where statements are timed.
pub(super) struct Timed(Timer);

impl Timed {
    pub(super) fn start(statements: &Statements, sql: &str, _wait: Duration) -> Self {
        Self(statements.start(sql))
    }

    pub(super) fn retried(&mut self) {}

    pub(super) fn end(self, rows: Result<u64, Option<&SqlState>>) {
        self.0.end(rows.map_err(|_| ()));
    }
}
