//! What the tuned service's pool knows of its database at the end of a run.

use perfect21_db_stats::{LatencySnapshot, Order};
use perfect21_examples::shop::Counted;
use perfect21_monitor::{Table, Unit, quantity};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// So many statements are shown.
const MOST: usize = 6;

/// Told by the service before it ends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Database {
    statements: Vec<Statement>,
    /// Connections at the end, and the most there may be.
    connections: (usize, usize),
    connect: Times,
    wait: Times,
    server: Option<Server>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Statement {
    sql: String,
    calls: u64,
    rows: u64,
    errors: u64,
    share: f64,
    times: Times,
}

#[derive(Debug, Serialize, Deserialize)]
struct Times {
    count: u64,
    p50: Option<Duration>,
    p99: Option<Duration>,
}

/// What the server said of itself, and how long ago.
#[derive(Debug, Serialize, Deserialize)]
struct Server {
    age: Duration,
    cache_hit_rate: Option<f64>,
    size: u64,
    active: u64,
    slow: u64,
    longest: Option<Duration>,
}

impl Times {
    fn of(snapshot: &LatencySnapshot) -> Self {
        Self { count: snapshot.count(), p50: snapshot.quantile(0.5), p99: snapshot.quantile(0.99) }
    }
}

impl Database {
    pub(crate) async fn of(counted: &Counted) -> Self {
        // Once more now; if that fails, what was read last stands, with its age.
        let _ = counted.server.read().await;
        let stats = counted.pool.stats();
        let statements = counted.pool.statements();
        let all: Duration =
            statements.slow_statements(Order::TotalTime, usize::MAX).iter().map(|one| one.total_time).sum();
        let statements =
            statements.slow_statements(Order::TotalTime, MOST).into_iter().map(|one| Statement {
                calls: one.calls,
                rows: one.rows,
                errors: one.errors,
                share: one.total_time.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE),
                times: Times::of(&one.server),
                sql: one.sql,
            });
        let server = counted.server.latest().map(|facts| Server {
            age: facts.read_at.elapsed(),
            cache_hit_rate: facts.cache_hit_rate,
            size: facts.database_size,
            active: facts.active,
            slow: facts.slow,
            longest: facts.longest_running,
        });
        Self {
            statements: statements.collect(),
            connections: (stats.size, stats.max_size),
            connect: Times::of(&stats.connects),
            wait: Times::of(&stats.waits),
            server,
        }
    }

    pub(crate) fn tables(&self) -> [Table; 2] {
        let mut statements = Table::new(
            "Statements of the tuned service, by total time",
            ["share of the time", "calls", "rows", "errors", "P50", "P99", "statement"],
        );
        for statement in &self.statements {
            let sql: String = statement.sql.chars().take(120).collect();
            statements.push([
                format!("{:.1} %", statement.share * 100.0),
                statement.calls.to_string(),
                statement.rows.to_string(),
                statement.errors.to_string(),
                show(statement.times.p50),
                show(statement.times.p99),
                sql,
            ]);
        }
        let mut database = Table::new("Database of the tuned service", ["what", "value"]);
        let (open, most) = self.connections;
        let mut row = |what: &str, value: String| database.push([what.to_owned(), value]);
        row("connections open, of at most", format!("{open}, {most}"));
        row("connects of the pool", times(&self.connect));
        row("waits for a connection", times(&self.wait));
        let told =
            |value: &dyn Fn(&Server) -> String| self.server.as_ref().map_or("no data".to_owned(), value);
        let rate = |server: &Server| {
            let rate = server.cache_hit_rate.map(|rate| format!("{:.2} %", rate * 100.0));
            rate.unwrap_or_else(|| "no blocks were asked for since the reading before".to_owned())
        };
        row("server's cache hit rate, last interval", told(&rate));
        row("size of the database", told(&|server| quantity(server.size as f64, Unit::Bytes)));
        row("statements running, slow ones", told(&|server| format!("{}, {}", server.active, server.slow)));
        row("longest running statement", told(&|server| server.longest.map_or("none runs".to_owned(), time)));
        row("read from the server", told(&|server| format!("{} before", time(server.age))));
        [statements, database]
    }
}

fn time(duration: Duration) -> String {
    quantity(duration.as_secs_f64(), Unit::Seconds)
}

fn show(duration: Option<Duration>) -> String {
    duration.map_or("no data".to_owned(), time)
}

fn times(times: &Times) -> String {
    format!("{}: P50 {}, P99 {}", times.count, show(times.p50), show(times.p99))
}
