//! Ours beside the peers: `cargo bench -p perfect21-bench-concurrency --bench versus -- [--quick] [--check]`.

mod balance;
mod batch;
mod gather;
mod limit;
mod pool;

use std::process::ExitCode;

use perfect21_bench_support::versus;

fn main() -> ExitCode {
    let cases = [limit::cases(), gather::cases(), batch::cases(), balance::cases(), pool::cases()];
    let cases: Vec<_> = cases.into_iter().flatten().collect();
    let code = versus(include_str!("../../targets.toml"), &cases);
    let burst = pool::burst();
    if burst || !std::env::args().any(|word| word == "--check") { code } else { ExitCode::FAILURE }
}
