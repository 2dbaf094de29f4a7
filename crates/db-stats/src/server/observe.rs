use super::{ServerFacts, ServerWatch};
use perfect21_core::{Cell, Column, Inspect, Metric, Observe, Reading, Sections, Table, Unit, Visitor};
use std::{sync::Arc, time::Duration};

const MAX: Metric =
    Metric::new("db_server_connections_max", Unit::Count, "Connections that the server takes.");
const CONNECTIONS: Metric =
    Metric::new("db_server_connections", Unit::Count, "Client connections of the server.");
const ACTIVE: Metric = Metric::new("db_server_active", Unit::Count, "Statements that run in this database.");
const IDLE: Metric = Metric::new(
    "db_server_idle_in_transaction",
    Unit::Count,
    "Sessions that are in a transaction and run nothing.",
);
const WAITING: Metric = Metric::new("db_server_waiting", Unit::Count, "Sessions that wait for a lock.");
const SLOW: Metric =
    Metric::new("db_server_slow", Unit::Count, "Statements that have been running for long.");
const LONGEST: Metric = Metric::new(
    "db_server_longest_running",
    Unit::Seconds,
    "For how long the longest statement has been running.",
);
const OLDEST: Metric =
    Metric::new("db_server_oldest_transaction", Unit::Seconds, "How old the oldest transaction is.");
const HIT_RATE: Metric = Metric::new(
    "db_server_cache_hit_rate",
    Unit::Ratio,
    "Blocks found in the server's memory, of those asked for.",
);
const SIZE: Metric = Metric::new("db_server_size", Unit::Bytes, "Size of the database on disk.");
const COMMITS: Metric = Metric::new("db_server_commits", Unit::Count, "Transactions committed.");
const ROLLBACKS: Metric = Metric::new("db_server_rollbacks", Unit::Count, "Transactions rolled back.");
const DEADLOCKS: Metric = Metric::new("db_server_deadlocks", Unit::Count, "Deadlocks.");
const TEMP: Metric = Metric::new("db_server_temp_bytes", Unit::Bytes, "Bytes of temporary files written.");
const FAILURES: Metric =
    Metric::new("db_server_read_failures", Unit::Count, "Readings of the server that failed.");

impl ServerWatch {
    /// The last facts, and their age; none that are too old.
    fn aged(&self) -> Option<(Arc<ServerFacts>, Duration)> {
        let facts = self.latest()?;
        let age = facts.read_at.elapsed();
        (age <= self.0.inner.limit()).then_some((facts, age))
    }
}

impl Observe for ServerWatch {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let label = [("pool", self.0.inner.pool.name())];
        let aged = self.aged();
        let mut gauge = |metric: &Metric, value: fn(&ServerFacts) -> Option<f64>| {
            let reading = aged.as_ref().and_then(|(facts, age)| Some(Reading::aged(value(facts)?, *age)));
            visitor.gauge(metric, &label, reading.unwrap_or(Reading::NO_DATA));
        };
        gauge(&MAX, |facts| Some(facts.max_connections as f64));
        gauge(&CONNECTIONS, |facts| Some(facts.connections as f64));
        gauge(&ACTIVE, |facts| Some(facts.active as f64));
        gauge(&IDLE, |facts| Some(facts.idle_in_transaction as f64));
        gauge(&WAITING, |facts| Some(facts.waiting as f64));
        gauge(&SLOW, |facts| Some(facts.slow as f64));
        // Where nothing runs, nothing runs for long.
        gauge(&LONGEST, |facts| Some(facts.longest_running.unwrap_or_default().as_secs_f64()));
        gauge(&OLDEST, |facts| Some(facts.oldest_transaction.unwrap_or_default().as_secs_f64()));
        gauge(&HIT_RATE, |facts| facts.cache_hit_rate);
        gauge(&SIZE, |facts| Some(facts.database_size as f64));
        if let Some((facts, _)) = &aged {
            for (metric, total) in [
                (&COMMITS, facts.commits),
                (&ROLLBACKS, facts.rollbacks),
                (&DEADLOCKS, facts.deadlocks),
                (&TEMP, facts.temp_bytes),
            ] {
                visitor.counter(metric, &label, total);
            }
        }
        visitor.counter(&FAILURES, &label, self.0.inner.latest.lock().failures);
    }
}

/// A table of the statements that run.
impl Inspect for ServerWatch {
    fn inspect(&self, sections: &mut dyn Sections) {
        let Some((facts, age)) = self.aged() else { return };
        let columns = [
            Column::new("running for", Unit::Seconds),
            Column::new("process", Unit::Count),
            Column::new("application", Unit::Count),
            Column::new("waits for", Unit::Count),
            Column::new("statement", Unit::Count),
        ];
        let mut table = Table::new("db_running", "Statements that run in the database", &columns);
        table.age = age;
        for statement in &facts.running {
            table.push([
                Cell::Number(statement.running.as_secs_f64()),
                Cell::Number(f64::from(statement.pid)),
                Cell::Text(statement.application.clone()),
                Cell::Text(statement.waits_for.clone()),
                Cell::Text(statement.sql.clone()),
            ]);
        }
        sections.table(table);
    }
}
