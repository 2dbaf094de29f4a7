//! Ours beside the peers: `cargo bench -p perfect21-bench-concurrency --bench versus -- [--quick] [--check]`.

mod balance;
mod batch;
mod gather;
mod limit;
mod pool;
mod process;

use std::process::ExitCode;

use perfect21_bench_support::versus;

fn main() -> ExitCode {
    let processes = processes();
    let cases: Vec<_> = [limit::cases(), gather::cases(), balance::cases()].into_iter().flatten().collect();
    let code = versus(include_str!("../../targets.toml"), &cases);
    if processes { code } else { ExitCode::FAILURE }
}

/// What is done by threads of its own; whether `--check` is content with it.
#[allow(clippy::print_stdout, reason = "the table is the product")]
fn processes() -> bool {
    let asked = |option| std::env::args().any(|word| word == option);
    let rounds = if asked("--quick") { 7 } else { 41 };
    println!("{}", process::HEAD);
    let contests = pool::contests().into_iter().chain(batch::contests());
    let missed = contests.filter(|contest| !contest.judge(rounds)).count();
    let burst = pool::burst();
    println!();
    !asked("--check") || (missed == 0 && burst)
}
