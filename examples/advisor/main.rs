//! What an advisor says of a server: of one that is made for it, with a bank of planted faults, or of yours.
//!
//! `cargo run --release --example advisor -- [--accounts N] [--postgres[=URL]]`
//!
//! Without a URL it looks at a server of its own that is thrown away. With one it looks at yours and changes nothing there.
//! The report is printed, and written as a page to `target/advisor.html`.

mod bank;
mod progress;

use bank::Bank;
use perfect21_db_stats::{
    Pool,
    advisor::{Advisor, Report, Thresholds},
};
use perfect21_examples::{cli, server::Server};
use perfect21_test_support::postgres::Postgres;
use progress::Steps;
use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/advisor.html");

struct Options {
    accounts: u32,
    /// `None` is a private server.
    url: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let source = error.source().map_or(String::new(), |source| format!(": {source}"));
            let _ = writeln!(io::stderr(), "error: {error}{source}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let options = arguments()?;
    let report = match &options.url {
        Some(url) => look(&Advisor::builder().build()?, &Server::open(Some(url.clone()))?.url).await?,
        None => private(options.accounts).await?,
    };
    let mut out = io::stdout();
    writeln!(out, "{report}")?;
    // Cargo's directory is elsewhere when it was told so.
    if let Some(directory) = std::path::Path::new(PAGE).parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(PAGE, report.to_html())?;
    writeln!(out, "{} findings, also in target/advisor.html", report.advice().len())?;
    Ok(())
}

/// Any client will do; here it is one of the pool's.
async fn look(advisor: &Advisor, url: &str) -> Result<Report, Box<dyn Error>> {
    let pool = Pool::builder(url.parse()?).build()?;
    let mut connection = pool.get().await?;
    Ok(advisor.run(connection.client().await?).await?)
}

async fn private(accounts: u32) -> Result<Report, Box<dyn Error>> {
    let mut thresholds = Thresholds::default();
    // The server is seconds old, and its tables are small.
    thresholds.min_stats_age = Duration::ZERO;
    thresholds.bloat_bytes = 1 << 20;
    thresholds.min_index_bytes = 100 << 10;
    thresholds.long_transaction = Duration::from_secs(1);
    thresholds.idle_in_transaction = Duration::from_secs(1);
    let steps = Steps::new(6);
    steps.begin("starting a server");
    let server = Postgres::start_with(&[("autovacuum", "off")])?;
    let url = server.url();
    steps.begin("filling a bank");
    let bank = Bank::open(&url, accounts).await?;
    let advisor = Advisor::builder().thresholds(thresholds).statements(bank.statements().clone()).build()?;
    steps.begin("planting faults");
    bank.plant_faults().await?;
    steps.begin("running statements");
    bank.work(1).await?;
    steps.begin("looking a first time");
    let earlier = look(&advisor, &url).await?;
    steps.begin("running slower statements, and looking again");
    bank.work(12).await?;
    let held = bank.forget_a_transaction().await?;
    let later = look(&advisor, &url).await?;
    drop(held);
    steps.finish();
    Ok(advisor.compare(&earlier, &later))
}

fn arguments() -> Result<Options, String> {
    use lexopt::prelude::{Long, ValueExt};
    let mut options = Options { accounts: 100_000, url: None };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Long("accounts") => {
                let value = parser.value().map_err(|_| "--accounts needs a number")?;
                let text = value.string().map_err(|error| format!("--accounts: {error}"))?;
                options.accounts = cli::number("accounts", &text, 20_000, 10_000_000)?;
            }
            Long("postgres") => {
                let given = parser.optional_value().map(|url| url.to_string_lossy().into_owned());
                options.url = Server::url_of(given);
            }
            other => return Err(format!("{}; known: --accounts N, --postgres[=URL]", other.unexpected())),
        }
    }
    Ok(options)
}
