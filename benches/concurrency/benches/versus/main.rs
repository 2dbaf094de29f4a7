//! Ours beside the peers: `cargo bench -p perfect21-bench-concurrency --bench versus -- [--quick] [--check]`.

mod limit;

use std::process::ExitCode;

use perfect21_bench_support::versus;

fn main() -> ExitCode {
    versus(include_str!("../../targets.toml"), &limit::cases())
}
