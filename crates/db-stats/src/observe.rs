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
const STATEMENT: Metric = Metric::new("db_statement", Unit::Seconds, "How long statements took, by text.");
const ERRORS: Metric = Metric::new("db_statement_errors", Unit::Count, "Statements that failed, by text.");

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
        visitor.counter(&FAILED, &label, stats.connects_failed);
        visitor.latency(&WAIT, &label, &stats.waits);
        visitor.counter(&EXHAUSTED, &label, stats.exhausted);
        self.statements().observe(visitor);
    }
}

impl Observe for Statements {
    fn observe(&self, visitor: &mut dyn Visitor) {
        for statement in self.all() {
            let label = [("statement", statement.sql.as_str())];
            visitor.latency(&STATEMENT, &label, &statement.latency);
            visitor.counter(&ERRORS, &label, statement.errors);
        }
    }
}
