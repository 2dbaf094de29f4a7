//! How many instructions a hit takes, and how many of them are for statistics:
//! `cargo bench -p perfect21-bench-smart-cache --bench instructions`.

use std::process::ExitCode;

use perfect21_bench_smart_cache::{Load, SameEachRun};
use perfect21_bench_support::instructions;

fn main() -> ExitCode {
    let cases: [(_, fn() -> _); 2] = [
        ("hit, Zipf", || Load::HitZipf.on::<SameEachRun>()),
        ("hit, uniform", || Load::HitUniform.on::<SameEachRun>()),
    ];
    instructions(&cases, 1.03, env!("CARGO_PKG_NAME"), env!("CARGO_MANIFEST_DIR"))
}
