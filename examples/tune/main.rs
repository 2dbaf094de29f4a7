//! What a tuner makes of a server: facts, a plan with reasons, a dry run; on a server of its own also done and undone.
//!
//! `cargo run --release --example tune -- [--workload web|oltp|warehouse|desktop|mixed] [--memory 4GiB] [--connections N]
//! [--postgres[=URL]] [--apply]`
//!
//! Without a URL (after `--postgres`, or by it from `DATABASE_URL`) a server of its own is tuned, measured before and after, and thrown away.
//! Yours is only looked at; with `--apply` the plan is applied there, and the way back is printed before that.

mod load;

use perfect21_db_stats::tuner::{Bytes, Plan, Tables, Tuner, TunerBuilder, Workload};
use perfect21_examples::{cli, server::Server};
use perfect21_test_support::postgres::Postgres;
use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};
use tokio_postgres::{Client, NoTls};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

struct Options {
    workload: Workload,
    memory: Option<Bytes>,
    connections: Option<u32>,
    /// `None` is a private server.
    url: Option<String>,
    apply: bool,
}

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
    let mut options = arguments()?;
    let server = Server::open(options.url.take())?;
    let mut out = io::stdout();
    writeln!(out, "PostgreSQL: {}", server.kind())?;
    match server.private() {
        Some(private) => try_out(&options, private, &mut out).await,
        None => yours(&options, &server.url, &mut out).await,
    }
}

fn tuner(options: &Options) -> TunerBuilder {
    let mut tuner = Tuner::builder().workload(options.workload);
    if let Some(memory) = options.memory {
        tuner = tuner.memory(memory);
    }
    if let Some(connections) = options.connections {
        tuner = tuner.connections(connections);
    }
    tuner
}

/// Any client will do: one of a pool, too.
async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn yours(options: &Options, url: &str, out: &mut impl Write) -> Result<()> {
    let client = connect(url).await?;
    let tuner = tuner(options).build()?;
    let plan = look(&tuner, &client, out).await?;
    if !options.apply {
        writeln!(out, "\nNothing was changed; --apply would do it.")?;
        return Ok(());
    }
    let applied = tuner.apply(&client, &plan).await?;
    writeln!(out, "\nApplied:\n{applied}")?;
    writeln!(out, "The way back:")?;
    Ok(statements(&applied.undo().sql(), out)?)
}

/// Facts, the plan, and what would be run.
async fn look(tuner: &Tuner, client: &Client, out: &mut impl Write) -> Result<Plan> {
    let facts = tuner.facts(client).await?;
    let plan = tuner.plan(&facts);
    writeln!(out, "\nWhat is known:\n{facts}\n{plan}")?;
    writeln!(out, "What guides often say:")?;
    for entry in plan.guide() {
        writeln!(out, "  {entry}")?;
    }
    writeln!(out, "\nDry run:")?;
    statements(&plan.sql(), out)?;
    if let Some(undo) = plan.undo() {
        writeln!(out, "The way back, if it is interrupted:")?;
        statements(&undo.sql(), out)?;
    }
    Ok(plan)
}

fn statements(all: &[String], out: &mut impl Write) -> io::Result<()> {
    all.iter().try_for_each(|statement| writeln!(out, "  {statement};"))
}

/// On a server of its own: measured, tuned, restarted, measured again, taken back.
async fn try_out(options: &Options, server: &Postgres, out: &mut impl Write) -> Result<()> {
    let url = server.url();
    let mut client = connect(&url).await?;
    // It is to leave the machine to others, so it is told of an eighth of what is measured here, 2 GiB at most.
    let measured = tuner(options).build()?.facts(&client).await?.memory.value();
    let eighth = measured.map_or(Bytes::gib(1), |memory| Bytes::new(memory.get() / 8).min(Bytes::gib(2)));
    let given = options.memory.unwrap_or(eighth.max(Bytes::mib(256)));
    let tuner = tuner(options).memory(given).connections(options.connections.unwrap_or(50)).build()?;

    load::fill(&client).await?;
    for table in tuner.analyze(&client, Tables::Named(&["orders"]), |_| ()).await? {
        writeln!(out, "analysed {} in {:.1?}", table.table, table.took)?;
    }
    let before = load::measure(&client).await?;
    let plan = look(&tuner, &client, out).await?;
    let applied = tuner.apply(&client, &plan).await?;
    writeln!(out, "\nApplied:\n{applied}")?;
    server.restart()?;
    client = connect(&url).await?;
    let facts = tuner.facts(&client).await?;
    writeln!(out, "After a restart:")?;
    for change in plan.changes() {
        if let Some(now) = facts.settings.get(&change.setting) {
            writeln!(out, "  {:<32} {} → {}", change.setting, change.now, now.value)?;
        }
    }
    let after = load::measure(&client).await?;
    load::show(&before, &after, out)?;

    let back = applied.rollback(&client).await?;
    server.restart()?;
    client = connect(&url).await?;
    let again = tuner.facts(&client).await?;
    let left = plan
        .changes()
        .filter(|change| again.settings.get(&change.setting).map(|s| &s.value) != Some(&change.now));
    writeln!(
        out,
        "\nTaken back: {} settings restored, {} left alone; after a restart {} differ from before",
        back.restored.len(),
        back.left.len(),
        left.count()
    )?;
    Ok(())
}

fn arguments() -> std::result::Result<Options, String> {
    use lexopt::prelude::Long;
    let mut options =
        Options { workload: Workload::Mixed, memory: None, connections: None, url: None, apply: false };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Long("workload") => options.workload = workload(&text(&mut parser, "workload")?)?,
            Long("memory") => {
                let text = text(&mut parser, "memory")?;
                options.memory = Some(text.parse().map_err(|error| format!("--memory {text}: {error}"))?);
            }
            Long("connections") => {
                options.connections =
                    Some(cli::number("connections", &text(&mut parser, "connections")?, 1, 10_000)?);
            }
            Long("postgres") => {
                let given = parser.optional_value().map(|url| url.to_string_lossy().into_owned());
                options.url = Server::url_of(given);
            }
            Long("apply") => options.apply = true,
            other => {
                let known = "--workload, --memory, --connections, --postgres[=URL], --apply";
                return Err(format!("{}; known: {known}", other.unexpected()));
            }
        }
    }
    Ok(options)
}

fn text(parser: &mut lexopt::Parser, name: &str) -> std::result::Result<String, String> {
    use lexopt::prelude::ValueExt;
    let value = parser.value().map_err(|_| format!("--{name} needs a value"))?;
    value.string().map_err(|error| format!("--{name}: {error}"))
}

fn workload(word: &str) -> std::result::Result<Workload, String> {
    Ok(match word {
        "web" => Workload::Web,
        "oltp" => Workload::Oltp,
        "warehouse" => Workload::Warehouse,
        "desktop" => Workload::Desktop,
        "mixed" => Workload::Mixed,
        other => return Err(format!("--workload {other}: must be web, oltp, warehouse, desktop or mixed")),
    })
}
