//! How often ours hits, beside the peers and simulated policies, and what an entry takes:
//! `cargo bench -p perfect21-bench-smart-cache --bench ratios -- [--traces DIR]`.
//!
//! Without `--traces` only the two traces that ship are replayed. Capacities are shares of a trace's different keys.
//! moka keeps more than its capacity, so its figures below 512 entries are not held against others.

mod curve;
#[path = "../peers/mod.rs"]
mod peers;
mod policies;
mod replay;
mod synthetic;
mod table;
mod weigh;

use perfect21_test_support::alloc::Counting;
use std::{path::PathBuf, process::ExitCode};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

fn main() -> ExitCode {
    let traces = match args() {
        Ok(traces) => traces,
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "a refusal goes to the terminal")]
            {
                eprintln!("error: {error}");
            }
            return ExitCode::from(2);
        }
    };
    match replay::all(traces.as_deref()) {
        Ok((rows, errors)) => {
            table::print(&rows);
            table::print_errors(&errors);
        }
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "a refusal goes to the terminal")]
            {
                eprintln!("error: {error}");
            }
            return ExitCode::from(2);
        }
    }
    table::print_memory(&weigh::all());
    ExitCode::SUCCESS
}

fn args() -> Result<Option<PathBuf>, lexopt::Error> {
    let (mut parser, mut traces) = (lexopt::Parser::from_env(), None);
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("traces") => traces = Some(PathBuf::from(parser.value()?)),
            lexopt::Arg::Long("bench") => {} // Cargo says so to every bench target.
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(traces)
}
