//! A table of events, partitioned by month, kept through a year in a minute while others write into it.
//!
//! `cargo run --release --example partitions -- [--writers N] [--rows N] [--postgres[=URL]]`
//!
//! On a server of its own that is thrown away, or with a URL (or `DATABASE_URL` with `--postgres`) on yours, in a schema
//! that is dropped at the end. The clock is set by hand: in spring nobody maintains the table for five months, and what is
//! written then goes into the default partition until the next run moves it to where it belongs.

mod writers;

use perfect21_concurrency::ManualClock;
use perfect21_db_stats::{
    TableName,
    index::{Index, Indexes, Key, Method, Outcome},
    partition::{Interval, Partitions, Report, Retention},
};
use perfect21_examples::{cli, server::Server};
use std::{
    error::Error,
    io::{self, Write},
    process::{self, ExitCode},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio_postgres::{Client, NoTls};
use writers::Writers;

/// The 15th of January 2024, at noon.
const START: Duration = Duration::from_secs(1_705_320_000);
const MONTH: Duration = Duration::from_secs(30 * 86_400);
const LOCK_TIMEOUT: Duration = Duration::from_millis(50);

struct Options {
    writers: usize,
    rows: u64,
    url: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", chain(&*error));
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let options = arguments()?;
    let server = Server::open(options.url.clone())?;
    let client = connect(&server.url).await?;
    let schema = format!("perfect21_partitions_{}", process::id());
    client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
    let shown = show(&client, &server.url, &schema, &options).await;
    // Also when something failed: the schema may be in a database of the user's.
    let dropped = client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await;
    shown?;
    Ok(dropped?)
}

async fn show(client: &Client, url: &str, schema: &str, options: &Options) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    let table = TableName::new(schema, "events");
    client
        .batch_execute(&format!(
            "CREATE TABLE {table} (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, kind text, body jsonb)
                 PARTITION BY RANGE (at);
             CREATE TABLE {schema}.events_rest PARTITION OF {table} DEFAULT"
        ))
        .await?;
    let clock = ManualClock::new();
    clock.set_wall(SystemTime::UNIX_EPOCH + START);
    let partitions = Partitions::builder(table.clone())
        .interval(Interval::Month)
        .zone("Europe/Berlin")
        .premake(2)
        .retention(Retention::Months(3))
        .lock_timeout(LOCK_TIMEOUT)
        .tries(200)
        .clock(Arc::new(clock.clone()))
        .build()?;
    writeln!(out, "The first run would do this:\n\n{}", partitions.plan(client).await?)?;

    let writers = Writers::start(url, &table, options.writers, &clock).await?;
    writeln!(out, "{} writers; a lock is waited for {LOCK_TIMEOUT:?} at a time\n", options.writers)?;
    let head = ["now", "made", "moved rows", "let go", "longest insert"];
    writeln!(out, "{:<10} {:>6} {:>12} {:>8} {:>16}", head[0], head[1], head[2], head[3], head[4])?;
    for months in [0, 1, 1, 5, 1, 1, 1, 1] {
        clock.advance(MONTH * months);
        writers.more(options.rows).await?;
        let report = partitions.maintain(client).await?.whole()?;
        line(&mut out, client, &clock, &report, writers.longest()).await?;
    }
    let (written, longest) = writers.stop().await?;
    writeln!(out)?;
    indexes(client, url, &table).await?;

    let counted = "SELECT count(*), count(DISTINCT id) FROM ";
    let row = client.query_one(&format!("{counted}{table}"), &[]).await?;
    let (rows, distinct): (i64, i64) = (row.get(0), row.get(1));
    let gone = "SELECT coalesce(sum(n), 0)::bigint FROM (
        SELECT (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %s', c.oid::regclass), false, true, '')))[1]::text::bigint AS n
        FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = $1 AND c.relkind = 'r' AND NOT c.relispartition) t";
    let detached: i64 = client.query_one(gone, &[&schema]).await?.get(0);
    writeln!(
        out,
        "\n{written} rows written: {rows} in the table and {detached} in the partitions that were let go. No insert took longer than {longest:.1?}."
    )?;
    if rows != distinct || rows + detached != written {
        return Err(format!("{rows} + {detached} rows in place of {written}").into());
    }
    Ok(())
}

async fn line(
    out: &mut impl Write,
    client: &Client,
    clock: &ManualClock,
    report: &Report,
    longest: Duration,
) -> Result<(), Box<dyn Error>> {
    let now: String =
        client.query_one("SELECT to_timestamp($1)::date::text", &[&writers::seconds(clock)]).await?.get(0);
    let (made, moved, gone) = (report.created.len(), report.moved_rows, report.detached.len());
    writeln!(out, "{now:<10} {made:>6} {moved:>12} {gone:>8} {longest:>16.1?}")?;
    Ok(())
}

/// The list is made true while a second session looks on.
async fn indexes(client: &Client, url: &str, table: &TableName) -> Result<(), Box<dyn Error>> {
    let on = || Index::on(table.clone());
    let wanted = Indexes::builder()
        .index(on().key("kind").key(Key::column("at").desc()).build()?)
        .index(on().key("id").key("at").unique().build()?)
        .index(on().key("at").predicate("kind = 'order'").name("events_orders").build()?)
        .index(on().key(Key::column("body").opclass("jsonb_path_ops")).gin().build()?)
        .index(on().key("at").method(Method::Brin).name("events_at_brin").build()?)
        .build()?;
    let mut out = io::stdout();
    writeln!(out, "{}", wanted.diff(client).await?)?;
    let watcher = connect(url).await?;
    let applied = wanted.apply(client, Some(&watcher), |progress| {
        let (done, total) = (progress.blocks_done, progress.blocks_total);
        let _ = writeln!(io::stdout(), "  {}: {}, {done} of {total} blocks", progress.index, progress.phase);
    });
    for (name, outcome) in applied.await?.whole()?.outcomes {
        if let Outcome::Built { took } = outcome {
            writeln!(out, "built {name}, on each partition, in {took:.0?}")?;
        }
    }
    writeln!(out, "\n{}", wanted.diff(client).await?)?;
    Ok(())
}

async fn connect(url: &str) -> Result<Client, Box<dyn Error>> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn arguments() -> Result<Options, String> {
    use lexopt::prelude::{Long, ValueExt};
    let mut options = Options { writers: 4, rows: 2000, url: None };
    let mut parser = lexopt::Parser::from_env();
    let text = |parser: &mut lexopt::Parser, name| {
        let value = parser.value().map_err(|_| format!("--{name} needs a number"))?;
        value.string().map_err(|error| format!("--{name}: {error}"))
    };
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Long("writers") => {
                options.writers = cli::number("writers", &text(&mut parser, "writers")?, 1, 100)?;
            }
            Long("rows") => options.rows = cli::number("rows", &text(&mut parser, "rows")?, 1, 1_000_000)?,
            Long("postgres") => {
                let given = parser.optional_value().map(|url| url.to_string_lossy().into_owned());
                options.url = Server::url_of(given);
            }
            other => {
                return Err(format!(
                    "{}; known: --writers N, --rows N, --postgres[=URL]",
                    other.unexpected()
                ));
            }
        }
    }
    Ok(options)
}
