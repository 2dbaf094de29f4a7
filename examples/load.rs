//! A load generator for any HTTP/1.1 service on this machine or yours to test.
//!
//! `cargo run --release --example load -- http://127.0.0.1:8000/health --rate 1000`

use lexopt::prelude::*;
use perfect21_examples::cli;
use perfect21_load::{Plan, PlanBuilder, Report, RequestList, Run};
use std::{error::Error, io::Write as _, net::ToSocketAddrs as _, process::ExitCode, time::Duration};

const HELP: &str = "\
Sends requests to one URL and prints how long the answers took.

Usage: load http://HOST[:PORT]/PATH [OPTIONS]

Options:
      --rate R          Requests/s at a constant rate, with latency counted from when each was
                        due; without it, each connection sends as soon as it has its answer
      --connections N   [default: 32]
      --duration TIME   [default: 5s]
      --warm-up TIME    Sent before, and not counted [default: 500ms]
      --gzip            Ask for compressed answers
      --json            Print the report as JSON
  -h, --help            Print this

Ctrl-C ends it with what was measured so far.";

struct Options {
    url: String,
    rate: Option<f64>,
    connections: usize,
    duration: Duration,
    warm_up: Duration,
    gzip: bool,
    json: bool,
}

fn main() -> ExitCode {
    let done = options().and_then(|options| options.map_or(Ok(HELP.to_owned()), |options| run(&options)));
    match done {
        Ok(text) => {
            // A closed pipe, as behind `| head`, is no reason to panic.
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("load: {problem}");
            ExitCode::from(2)
        }
    }
}

/// `None` where only help is wanted.
fn options() -> Result<Option<Options>, String> {
    let mut parser = lexopt::Parser::from_env();
    let mut options = Options {
        url: String::new(),
        rate: None,
        connections: 32,
        duration: Duration::from_secs(5),
        warm_up: Duration::from_millis(500),
        gzip: false,
        json: false,
    };
    let text = |name: &str, parser: &mut lexopt::Parser| {
        parser
            .value()
            .map(|value| value.to_string_lossy().into_owned())
            .map_err(|_| format!("--{name} needs a value"))
    };
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        match arg {
            Short('h') | Long("help") => return Ok(None),
            Value(url) if options.url.is_empty() => options.url = url.to_string_lossy().into_owned(),
            Long("rate") => {
                let rate = text("rate", &mut parser)?;
                let number =
                    rate.parse().map_err(|_| format!("--rate {rate}: must be a number of requests/s"))?;
                options.rate = Some(number);
            }
            Long("connections") => {
                options.connections =
                    cli::number("connections", &text("connections", &mut parser)?, 1, 10_000)?;
            }
            Long("duration") => {
                options.duration = cli::duration("duration", &text("duration", &mut parser)?)?
            }
            Long("warm-up") => options.warm_up = cli::duration("warm-up", &text("warm-up", &mut parser)?)?,
            Long("gzip") => options.gzip = true,
            Long("json") => options.json = true,
            other => return Err(format!("{}; --help lists the options", other.unexpected())),
        }
    }
    if options.url.is_empty() {
        return Err("say which URL, as in http://127.0.0.1:8000/health; --help lists the options".to_owned());
    }
    Ok(Some(options))
}

fn run(options: &Options) -> Result<String, String> {
    let Some(rest) = options.url.strip_prefix("http://") else {
        return Err(format!("{}: must begin with http://; TLS is not spoken", options.url));
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let mut addresses = with_port.to_socket_addrs().map_err(|error| format!("{authority}: {error}"))?;
    let address = addresses.next().ok_or_else(|| format!("{authority}: has no address"))?;

    let list = RequestList::builder(authority).get(format!("/{path}"));
    let list = if options.gzip { list.header("accept-encoding", "gzip") } else { list };
    let list = list.build().map_err(|error| error.to_string())?;
    let plan: PlanBuilder = options.rate.map_or_else(Plan::closed, Plan::open);
    let plan = plan.connections(options.connections).duration(options.duration).warm_up(options.warm_up);
    let plan = plan.build().map_err(|error| error.to_string())?;
    let run = Run::start(plan, address, list).map_err(|error| sentence(&error))?;
    let report = measure(&run)?;
    if options.json {
        return serde_json::to_string_pretty(&report).map_err(|error| error.to_string());
    }
    Ok(report.to_string())
}

fn measure(run: &Run) -> Result<Report, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        tokio::select! {
            report = run.finished() => return report.map_err(|error| sentence(&error)),
            _ = tokio::signal::ctrl_c() => run.stopper().stop(),
        }
        run.finished().await.map_err(|error| sentence(&error))
    })
}

fn sentence(error: &perfect21_load::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
