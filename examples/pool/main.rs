//! A pool that knows its connections: what users leave behind, a server that crashes, and three ways to read.
//!
//! `cargo run --release --example pool -- [--seconds N] [--postgres[=URL]]`
//!
//! On a server of its own that is thrown away, or on yours (by its URL or `DATABASE_URL`), in a schema that is dropped at
//! the end; yours is not crashed.

mod crash;
mod left;
mod read;

use perfect21_db_stats::{Order, Pool};
use perfect21_examples::{cli, server::Server};
use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Where the example's tables are.
const SCHEMA: &str = "perfect21_pool_example";
const ROWS: i32 = 10_000;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let _ = writeln!(io::stderr(), "error: {error}{cause}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<()> {
    let (time, url) = arguments()?;
    let server = Server::open(url)?;
    let pool = Pool::builder(server.config())
        .name("example")
        .max_size(8)
        .min_idle(2)
        .session_setting("search_path", SCHEMA)
        .build()?;
    pool.fill().await?;
    let mut out = io::stdout();
    writeln!(out, "PostgreSQL: {}; a pool of 8 connections", server.kind())?;
    prepare(&pool).await?;
    let shown = show(&pool, &server, time).await;
    // Also when something failed: it may be in a database of the user's.
    let dropped = pool.get().await?.batch_execute(&format!("DROP SCHEMA {SCHEMA} CASCADE")).await;
    shown?;
    Ok(dropped?)
}

async fn prepare(pool: &Pool) -> Result<()> {
    let make = format!(
        "DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}; SET search_path = {SCHEMA}; \
         CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price int NOT NULL); \
         INSERT INTO products SELECT i, 'product ' || i, i % 100 FROM generate_series(0, {ROWS} - 1) i; \
         CREATE TABLE written (id bigint PRIMARY KEY)"
    );
    pool.get().await?.batch_execute(&make).await?;
    // Not within what else is done as one.
    pool.get().await?.execute(&format!("ANALYZE {SCHEMA}.products"), &[]).await?;
    Ok(())
}

async fn show(pool: &Pool, server: &Server, time: Duration) -> Result<()> {
    left::show(server).await?;
    match server.private() {
        Some(private) => crash::show(pool, private).await?,
        None => writeln!(io::stdout(), "\nA crash is not shown on your server.")?,
    }
    read::show(pool, server, time).await?;
    statements(pool)
}

fn statements(pool: &Pool) -> Result<()> {
    let mut out = io::stdout();
    writeln!(out, "\nWhat it cost, by total time")?;
    writeln!(
        out,
        "  {:>9} {:>10} {:>10} {:>7} {:>9}  statement",
        "calls", "p50", "p99", "errors", "cancelled"
    )?;
    for statement in pool.statements().slow_statements(Order::TotalTime, 6) {
        let quantile =
            |q| statement.server.quantile(q).map_or("no data".to_owned(), |time| format!("{time:.1?}"));
        let sql: String = statement.sql.chars().take(70).collect();
        let (p50, p99) = (quantile(0.5), quantile(0.99));
        let (calls, errors, cancelled) = (statement.calls, statement.errors, statement.cancelled);
        writeln!(out, "  {calls:>9} {p50:>10} {p99:>10} {errors:>7} {cancelled:>9}  {sql}")?;
    }
    let stats = pool.stats();
    writeln!(
        out,
        "\nThe pool: {} open of {}, {} repaired, {} statements cancelled, {} closed, {} connects failed.",
        stats.size, stats.max_size, stats.repaired, stats.cancelled, stats.discarded, stats.connects_failed
    )?;
    Ok(())
}

fn arguments() -> std::result::Result<(Duration, Option<String>), String> {
    use lexopt::prelude::{Long, ValueExt};
    let (mut time, mut url) = (Duration::from_secs(2), None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Long("seconds") => {
                let value = parser.value().map_err(|_| "--seconds needs a number".to_owned())?;
                let text = value.string().map_err(|error| format!("--seconds: {error}"))?;
                time = Duration::from_secs(cli::number("seconds", &text, 1, 600)?);
            }
            Long("postgres") => {
                let given = parser.optional_value().map(|url| url.to_string_lossy().into_owned());
                url = Server::url_of(given);
            }
            other => {
                return Err(format!("{}; known: --seconds N, --postgres[=URL]", other.unexpected()));
            }
        }
    }
    Ok((time, url))
}
