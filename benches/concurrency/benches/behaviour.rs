//! How the parts behave, on simulated time: `cargo bench -p perfect21-bench-concurrency --bench behaviour`.
#![allow(clippy::print_stdout, reason = "the tables are the product")]

use perfect21_bench_concurrency::simulation::limiter::{Kind, Scenario, run};

fn main() {
    let n: u64 = std::env::var("SEEDS").ok().and_then(|v| v.parse().ok()).unwrap_or(10);
    for scenario in Scenario::ALL {
        let fs: Vec<_> = (0..n).map(|s| run(Kind::Elastic, scenario, 21 * (s + 1))).collect();
        let v = |g: &dyn Fn(&perfect21_bench_concurrency::simulation::limiter::Figures) -> f64| { let x: Vec<f64> = fs.iter().map(|f| g(f)).collect(); format!("{:5.1}..{:5.1} (mean {:5.1})", x.iter().copied().fold(f64::INFINITY, f64::min), x.iter().copied().fold(0.0, f64::max), x.iter().sum::<f64>() / x.len() as f64)};
        println!("{:20} good {} | p50 {} | conv {} | worst {} | L {} | drift {} | over {} | rej {}", scenario.name(), v(&|f| f.goodput*100.0), v(&|f| f.p50*100.0), v(&|f| f.converged.unwrap_or(999.0)), v(&|f| f.worst_second*100.0), v(&|f| f.limit), v(&|f| f.drift*100.0), v(&|f| f.over_peak), v(&|f| f.rejected as f64));
    }
}
