//! The scoreboard: the example API, plain and tuned, under a real request trace.
//!
//! `cargo run --release --example baseline` needs no server and no argument; `-- --help` lists the options.

mod args;
mod database;
mod interrupt;
mod notes;
mod probe;
mod progress;
mod scoreboard;
mod serve;
mod service;
mod session;
mod statements;
mod trace;

use args::Command;
use perfect21_concurrency::Sizing;
use std::process::ExitCode;

/// What the user asked for cannot be done as asked; one sentence.
pub(crate) const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let command = match Command::from_env() {
        Ok(command) => command,
        Err(problem) => return refuse(&problem),
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // By what the container leaves us; tokio's own count where that cannot be read.
    if let Some(cores) = *probe::CORES {
        runtime.worker_threads(Sizing::for_cores(cores).async_workers());
    }
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => return refuse(&format!("cannot start the async runtime: {problem}")),
    };
    let ended = runtime.block_on(async {
        match command {
            Command::Help => {
                print(args::HELP);
                Ok(ExitCode::SUCCESS)
            }
            Command::Serve(options) => serve::run(options).await,
            Command::Run(options) => session::run(options).await,
        }
    });
    // Blocking calls under way, such as a password being hashed, are not waited for.
    runtime.shutdown_background();
    ended.unwrap_or_else(|problem| refuse(&problem))
}

fn refuse(problem: &str) -> ExitCode {
    eprintln!("baseline: {problem}");
    ExitCode::from(BAD_INPUT)
}

/// Writes to standard output; a closed pipe, as behind `| head`, is no reason to panic.
pub(crate) fn print(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

/// An error and its causes in one sentence.
pub(crate) fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}
