//! Ours beside the peers: `cargo bench -p perfect21-bench-smart-cache --bench versus -- [--quick] [--check]`.

#[path = "../peers/mod.rs"]
mod peers;

use crate::peers::{FoyerS3, LockedLru, MiniMoka, Moka, QuickCache};
use perfect21_bench_smart_cache::{Load, Ours, Subject, WithCurve};
use perfect21_bench_support::{Case, versus};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut cases = Vec::new();
    for load in Load::ALL {
        for threads in [1, 2] {
            cases.push(case::<QuickCache>(load, threads));
            cases.push(case::<Moka>(load, threads));
        }
        cases.push(case::<FoyerS3>(load, 1));
        cases.push(case::<MiniMoka>(load, 1));
        cases.push(case::<LockedLru>(load, 1));
    }
    let (with, without) = (|| Load::HitZipf.on::<WithCurve>(), || Load::HitZipf.on::<Ours>());
    cases.push(Case::anew("hit, Zipf, with a miss curve", 1, with, "without", without));
    versus(include_str!("../../targets.toml"), &cases)
}

fn case<S: Subject>(load: Load, threads: usize) -> Case {
    let threads_name = if threads == 1 { "one thread" } else { "two threads" };
    // Names are those of the targets file, and live as long as the bench.
    let name = format!("{}, {threads_name}", load.name()).leak();
    match load {
        Load::HitZipf | Load::HitUniform => {
            Case::anew(name, threads, move || load.on::<Ours>(), S::NAME, move || load.on::<S>())
        }
        _ => Case::new(name, threads, load.on::<Ours>(), S::NAME, load.on::<S>()),
    }
}
