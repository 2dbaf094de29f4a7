//! What happens once, or under the eyes of others: `cargo bench -p perfect21-bench-redis-cache --bench behaviour -- [--quick]`.
#![allow(clippy::print_stdout, reason = "the tables are the product")]

mod cold;
mod connections;
mod sweep;

use std::process::ExitCode;

fn main() -> ExitCode {
    let quick = std::env::args().any(|word| word == "--quick");
    let met = [cold::run(), sweep::run(if quick { 100_000 } else { 1_000_000 })];
    connections::run(if quick { 1 } else { 7 });
    println!("\nmet {} of {}", met.iter().filter(|met| **met).count(), met.len());
    if met.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn word(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}
