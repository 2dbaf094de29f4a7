//! Rows that hundreds of callers insert: one by one, and gathered into batches.
//!
//! `cargo run --release --example batching -- [--rows N] [--callers N] [--postgres[=URL]]`
//!
//! Into an SQLite file by default; with `--postgres` into a server of its own that is thrown away, or into yours (by its URL or
//! `DATABASE_URL`), in a table that is dropped at the end.

mod table;

use perfect21_concurrency::{
    Batcher,
    gather::{GatherError, gather},
};
use perfect21_examples::cli;
use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};
use table::{Event, Table};

const MAX_SIZE: usize = 500;
const MAX_WAIT: Duration = Duration::from_millis(2);

struct Options {
    rows: usize,
    callers: usize,
    /// `Some(None)` is a private server.
    postgres: Option<Option<String>>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let options = arguments()?;
    let (table, kept) = table::open(options.postgres.as_ref()).await?;
    let table = Arc::new(table);
    let measured = measure(&table, &options).await;
    // Also when something failed: the table may be in a database of the user's.
    let dropped = table.remove().await;
    drop(kept);
    measured?;
    Ok(dropped?)
}

async fn measure(table: &Arc<Table>, options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { rows, callers, .. } = *options;
    let mut out = io::stdout();
    writeln!(out, "{}: {rows} rows by {callers} callers, each of which waits for its row\n", table.kind())?;
    writeln!(out, "{:<12} {:>10} {:>10} {:>10} {:>10}", "inserted", "rows/s", "p50", "p99", "statements")?;

    let one_by_one = Arc::clone(table);
    let single = Figures::of(options, move |event| {
        let table = Arc::clone(&one_by_one);
        async move { table.insert(vec![event]).await.map(drop) }
    });
    single.await?.print(&mut out, "one by one", rows)?;

    let insert = Arc::clone(table);
    let batcher = Batcher::builder(move |events: Vec<Event>| {
        let table = Arc::clone(&insert);
        async move { table.insert(events).await }
    });
    let batcher = batcher.name("events").max_size(MAX_SIZE).max_wait(MAX_WAIT).max_in_flight(2).build()?;
    let submit = batcher.clone();
    let batched = Figures::of(options, move |event| {
        let batcher = submit.clone();
        async move { batcher.submit(event).await.map_err(|error| error.to_string()) }
    });
    let (batched, stats) = (batched.await?, batcher.stats());
    batched.print(&mut out, "batched", stats.batches as usize)?;
    batcher.close().await;

    let inserted = table.count().await?;
    writeln!(
        out,
        "\n{:.1} rows a batch on average, of at most {MAX_SIZE}, begun after at most {MAX_WAIT:?}; {inserted} rows are there",
        stats.items as f64 / stats.batches.max(1) as f64
    )?;
    if inserted != 2 * rows as u64 {
        return Err(format!("{inserted} rows in place of {}", 2 * rows).into());
    }
    Ok(())
}

struct Figures {
    rows_per_second: f64,
    p50: Duration,
    p99: Duration,
}

impl Figures {
    /// So many callers at once, one row after the other.
    async fn of<F, Fut>(options: &Options, insert: F) -> Result<Self, Box<dyn Error>>
    where
        F: Fn(Event) -> Fut,
        Fut: Future<Output = Result<(), String>>,
    {
        let began = Instant::now();
        let rows = (0..options.rows).map(|nth| {
            let event = Event { caller: (nth % options.callers) as i32, body: format!("event {nth}") };
            let insert = insert(event);
            async move {
                let began = Instant::now();
                insert.await.map(|()| began.elapsed())
            }
        });
        let mut times = gather(rows, options.callers)?.try_all().await.map_err(|error| match error {
            GatherError::Item { source, .. } => source,
            error => format!("{error:?}"),
        })?;
        let took = began.elapsed();
        times.sort_unstable();
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
        let rows_per_second = times.len() as f64 / took.as_secs_f64();
        Ok(Self { rows_per_second, p50: at(0.5), p99: at(0.99) })
    }

    fn print(&self, out: &mut impl Write, name: &str, statements: usize) -> io::Result<()> {
        let Self { rows_per_second, p50, p99 } = self;
        writeln!(out, "{name:<12} {rows_per_second:>10.0} {p50:>10.1?} {p99:>10.1?} {statements:>10}")
    }
}

fn arguments() -> Result<Options, String> {
    use lexopt::prelude::{Long, ValueExt};
    let mut options = Options { rows: 10_000, callers: 500, postgres: None };
    let mut parser = lexopt::Parser::from_env();
    let text = |parser: &mut lexopt::Parser, name| {
        let value = parser.value().map_err(|_| format!("--{name} needs a number"))?;
        value.string().map_err(|error| format!("--{name}: {error}"))
    };
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Long("rows") => options.rows = cli::number("rows", &text(&mut parser, "rows")?, 1, 1_000_000)?,
            Long("callers") => {
                options.callers = cli::number("callers", &text(&mut parser, "callers")?, 1, 100_000)?;
            }
            Long("postgres") => {
                let given = parser.optional_value().map(|url| url.to_string_lossy().into_owned());
                let from_env = || std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
                options.postgres = Some(given.or_else(from_env));
            }
            other => {
                return Err(format!(
                    "{}; known: --rows N, --callers N, --postgres[=URL]",
                    other.unexpected()
                ));
            }
        }
    }
    Ok(options)
}
