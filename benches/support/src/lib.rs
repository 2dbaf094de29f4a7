//! The `versus` benches: ours and a peer side by side in one process, judged by a file of targets.
//!
//! For each [`Case`] the given number of threads do, round by round, a few hundred microseconds of our operation and
//! then of the peer's (every other round the peer goes first), so that whatever else the machine does hits both. A
//! round's cost is thread CPU time; with several threads only rounds count in which they really ran at once. What threads of
//! its own do is measured by the CPU time of the process ([`Case::of_process`]), and what waits for another process by the time
//! that passes ([`Case::of_time`]).
//! Reported are the tenth percentile of all rounds, and the median of the rounds' ratios with its spread.
//!
//! ```no_run
//! use perfect21_bench_support::{Case, Op, versus};
//! use std::{process::ExitCode, sync::atomic::{AtomicU64, Ordering}};
//!
//! fn main() -> ExitCode {
//!     let ours = Op::each(|n| n.wrapping_mul(3));
//!     let total = AtomicU64::new(0);
//!     let peer = Op::each(move |n| total.fetch_add(n, Ordering::Relaxed));
//!     versus(include_str!("../Cargo.toml"), &[Case::new("multiply", 1, ours, "atomic add", peer)])
//! }
//! ```
//!
//! The targets file has one table for each case that has a target:
//!
//! ```toml
//! [[target]]
//! case = "multiply"
//! peer = "atomic add"
//! max_ns = 6.0         # ours, in nanoseconds of CPU an operation; either or both
//! max_ratio = 0.5      # ours by the peer's
//! last_ns = 4.1        # of the last full run, the median of five launches
//! last_ratio = 0.31
//! known_miss = "why"   # only where it is one
//! ```
#![forbid(unsafe_code)]

mod args;
mod instructions;
mod measure;
mod op;
mod targets;
mod verdict;

use std::process::ExitCode;

pub use instructions::{Counted, instructions};
pub use measure::thread_cpu;
pub use op::{Case, Op};

use crate::{args::Args, measure::Cost, targets::Targets, verdict::Verdict};

/// How often `--check` measures a case again before it believes a failure.
const SECOND_LOOKS: usize = 2;

/// Measures all cases, prints the table, and says by the exit code whether `--check` found something.
///
/// Understands `--quick` (fewer rounds), `--only TEXT` (cases with TEXT in their name or the peer's), `--check` (exit
/// code 1 on a miss that `targets` does not list as known, and on a loss of more than 10 % against its last value) and
/// cargo's own `--bench`; anything else is exit code 2.
#[must_use]
#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]
pub fn versus(targets: &str, cases: &[Case]) -> ExitCode {
    let (args, targets) = match (Args::parse(std::env::args().skip(1)), Targets::parse(targets, cases)) {
        (Ok(args), Ok(targets)) => (args, targets),
        (Err(error), _) => return refuse(&error),
        (_, Err(error)) => return refuse(&error),
    };
    let cases = match args.chosen(cases) {
        Ok(cases) => cases,
        Err(error) => return refuse(&error),
    };
    println!("{}", verdict::HEAD);
    let mut verdicts = Vec::new();
    for case in cases {
        let verdict = judge(case, &targets, &args);
        println!("{}", verdict.row(case));
        verdicts.push(verdict);
    }
    let failures: Vec<_> = verdicts.iter().filter_map(Verdict::failure).collect();
    for failure in &failures {
        println!("\n{failure}");
    }
    let judged = verdicts.iter().filter_map(Verdict::met);
    println!("\nmet {} of {}", judged.clone().filter(|met| *met).count(), judged.count());
    if args.check && !failures.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn judge(case: &Case, targets: &Targets, args: &Args) -> Verdict {
    let look = || Verdict::new(case, Cost::of(case, args.rounds()), targets.of(case));
    let first = look();
    let looks = if args.check { SECOND_LOOKS } else { 0 };
    (0..looks).fold(first, |verdict, _| if verdict.failure().is_some() { look() } else { verdict })
}

#[allow(clippy::print_stderr, reason = "a refusal goes to the terminal")]
fn refuse(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(2)
}
