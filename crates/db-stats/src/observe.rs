use crate::{Pool, Statements};
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};

const MAX: Metric = Metric::new("db_connections_max", Unit::Count, "The most connections there may be.");
const OPEN: Metric = Metric::new("db_connections", Unit::Count, "Connections that are open.");
const IDLE: Metric = Metric::new("db_connections_idle", Unit::Count, "Open connections that nobody uses.");
const WAITING: Metric = Metric::new("db_waiting", Unit::Count, "Callers that wait for a connection.");
const CONNECT: Metric = Metric::new("db_connect", Unit::Seconds, "How long connections took to open.");
const FAILED: Metric = Metric::new("db_connect_failed", Unit::Count, "Connections that could not be opened.");
const WAIT: Metric = Metric::new("db_wait", Unit::Seconds, "How long callers waited for a connection.");
const EXHAUSTED: Metric =
    Metric::new("db_exhausted", Unit::Count, "Callers that found no free connection in time.");
const REPAIRED: Metric = Metric::new(
    "db_repaired",
    Unit::Count,
    "Connections that came back in use or changed, and were made as new.",
);
const CANCELS: Metric =
    Metric::new("db_cancelled", Unit::Count, "Statements cancelled: nobody waited any more.");
const DISCARDED: Metric =
    Metric::new("db_discarded", Unit::Count, "Connections that were closed by the pool.");
const HEALED: Metric = Metric::new("db_healed", Unit::Count, "Statements that were prepared again.");
const BYTES_IN: Metric = Metric::new("db_bytes_in", Unit::Bytes, "Bytes that came from the server.");
const BYTES_OUT: Metric = Metric::new("db_bytes_out", Unit::Bytes, "Bytes that went to the server.");
const SERVER_ERRORS: Metric = Metric::new("db_server_errors", Unit::Count, "Errors that the server sent.");
const NOTICES: Metric = Metric::new("db_notices", Unit::Count, "Notices that the server sent.");
const LONGEST: Metric =
    Metric::new("db_longest_held", Unit::Seconds, "How long the longest holder has had its connection.");
const STATEMENT: Metric =
    Metric::new("db_statement", Unit::Seconds, "From sending a statement to the server's answer.");
const ROWS: Metric = Metric::new("db_statement_rows", Unit::Count, "Rows that statements returned.");
const ERRORS: Metric = Metric::new("db_statement_errors", Unit::Count, "Statements that failed.");
const CANCELLED: Metric =
    Metric::new("db_statement_cancelled", Unit::Count, "Statements for whose end nobody waited.");
const RETRIES: Metric =
    Metric::new("db_statement_retries", Unit::Count, "Statements that were sent again within a call.");
const SLOW: Metric =
    Metric::new("db_statement_slow", Unit::Count, "Calls that took longer than the slow log's threshold.");
const SLOW_LOGGED: Metric =
    Metric::new("db_statement_slow_logged", Unit::Count, "Slow calls that were logged one by one.");

impl Observe for Pool {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let stats = self.stats();
        let label = [("pool", self.name())];
        for (metric, value) in
            [(&MAX, stats.max_size), (&OPEN, stats.size), (&IDLE, stats.idle), (&WAITING, stats.waiting)]
        {
            visitor.gauge(metric, &label, Reading::now(value as f64));
        }
        visitor.latency(&CONNECT, &label, &stats.connects);
        visitor.latency(&WAIT, &label, &stats.waits);
        for (metric, total) in [
            (&FAILED, stats.connects_failed),
            (&EXHAUSTED, stats.exhausted),
            (&REPAIRED, stats.repaired),
            (&CANCELS, stats.cancelled),
            (&DISCARDED, stats.discarded),
            (&HEALED, stats.healed),
            (&BYTES_IN, stats.bytes_in),
            (&BYTES_OUT, stats.bytes_out),
            (&SERVER_ERRORS, stats.server_errors),
            (&NOTICES, stats.notices),
        ] {
            visitor.counter(metric, &label, total);
        }
        let longest = self.holders().first().map_or(0.0, |holder| holder.held.as_secs_f64());
        visitor.gauge(&LONGEST, &label, Reading::now(longest));
        self.statements().observe(visitor);
    }
}

/// Shows the twenty statements that took most time, each since it is one of them, and the rest as `other`: labels are
/// the first 120 characters of the normalised text, and the fingerprint.
impl Observe for Statements {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let (statements, rest) = self.shown();
        for statement in statements.iter().chain([&rest]) {
            let label = [("statement", &*statement.sql), ("fingerprint", &*statement.fingerprint)];
            visitor.latency(&STATEMENT, &label, &statement.server);
            visitor.counter(&ROWS, &label, statement.rows);
            visitor.counter(&ERRORS, &label, statement.errors);
            visitor.counter(&CANCELLED, &label, statement.cancelled);
            visitor.counter(&RETRIES, &label, statement.retries);
        }
        let (slow, logged) = self.slow_calls();
        visitor.counter(&SLOW, &[], slow);
        visitor.counter(&SLOW_LOGGED, &[], logged);
    }
}
