//! Ours beside the peers: `cargo bench -p perfect21-bench-concurrency --bench versus -- [--quick] [--check]`.

mod balance;
mod gather;
mod limit;

use std::process::ExitCode;

use perfect21_bench_support::versus;

fn main() -> ExitCode {
    let cases: Vec<_> = [limit::cases(), gather::cases(), balance::cases()].into_iter().flatten().collect();
    versus(include_str!("../../targets.toml"), &cases)
}
