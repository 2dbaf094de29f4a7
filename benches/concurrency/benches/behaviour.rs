//! How the parts behave, on simulated time: `cargo bench -p perfect21-bench-concurrency --bench behaviour`.
#![allow(clippy::print_stdout, reason = "the tables are the product")]

use perfect21_bench_concurrency::simulation::{
    balancer::{self, Spread, Trouble},
    limiter::{Figures, Kind, Runs, SEEDS, Scenario, run_failing},
};
use perfect21_concurrency::balance::Policy;

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    if only == "failing" {
        failing();
        return;
    }
    if only != "balancer" {
        limiter();
    }
    if only != "limiter" {
        balancer();
    }
}

const LIMITER: &str = "
## Limits

A real limit of this crate on a simulated clock, before a server of 40 workers that serves 10 ms (half constant, half
exponential) in order of arrival. 8000 calls/s arrive by Poisson, twice of what it can do, where nothing else is said; who
finds the limit full is refused, and nobody waits in front of it. Adaptive limits begin at 20. Measured in the second half of
120 s after the change (of 600 s at 1.05x). Converged: until the first five seconds with 90 % of the goodput and a mean latency
of at most twice the service time. Cells: the mean of the seeds, and the worst of them in brackets.
";

/// Of an earlier simulation of the same phases: one seed, windows and limits as each has them.
const OTHERS: &str = "
Others, in an earlier simulation of the same phases (1 seed; Netflix, Envoy, failsafe-go and Vector re-implemented
there from their source, the tower crates themselves): goodput % / p50 by no-load / converged s / worst second %; - is not
known.

| limiter | 2x overload | service 10 -> 40 ms | capacity 40 -> 10 | capacity 40 -> 80 | limit at 20 % load |
|---|---|---|---|---|---|
| Netflix Vegas, windowed | 44 / 1.00 / never / 43 | 99.7 / 1.08 / 33 / 96 | 99.1 / 1.28 / 0 / 96 | 99.7 / 1.01 / 52 / 98 | 38 |
| Netflix Gradient2, windowed | 99.8 / 1.81 / 19 / 98 | 30 / 1.00 / 0 / 23 | 100 / 3.04 / never / - | 99.8 / 1.34 / 52 / - | 43 |
| Envoy gradient | 99.8 / 1.36 / 0.2 / 83 | 99.4 / 1.32 / 2 / 58 | 99.7 / 1.36 / 0 / 90 | 99.6 / 1.38 / 0 / 80 | 996 |
| failsafe-go | 85 / 1.20 / 30 / 51 | 94 / 1.32 / 43 / 60 | 97 / 2.12 / 65 / 59 | 80 / 1.04 / 42 / 51 | 88 |
| Vector ARC | 99.9 / 1.68 / 0.2 / 98 | 100 / 1.47 / 0 / 95 | 100 / 8.00 / never / 98 | 89 / 1.01 / 8 / 73 | 13, rejects 4 % |
| tower-acc Vegas | 36 / 1.00 / - / - | 36 / - / - / - | 89 / - / - / - | 18 / - / - / - | 24 |
| tower-resilience-adaptive Vegas | 13 / - / - / - | 2.5 / - / - / - | 48 / - / - / - | 6 / - / - / - | 5, rejects 48 % |

At 1.05x for 600 s there: Gradient2 goes from 95 to 150 and on, the tower crates' Gradient2 to 1000, Envoy from 60 to 69.
";

fn limiter() {
    println!("{LIMITER}\nSeeds: {SEEDS:?}\n");
    for scenario in Scenario::ALL {
        println!("### {}: {}\n", scenario.name(), scenario.target());
        println!(
            "| limit | goodput % | p50 by no-load | converged s | worst second % | limit | drift % | limit by peak | refused |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for kind in Kind::ALL {
            let runs = Runs::of(kind, scenario);
            let low = |figure: fn(&Figures) -> f64| {
                format!("{:.1} ({:.1})", runs.mean(figure), runs.lowest(figure))
            };
            let high = |figure: fn(&Figures) -> f64| {
                format!("{:.2} ({:.2})", runs.mean(figure), runs.highest(figure))
            };
            println!(
                "| {} | {} | {} | {} | {} | {:.1} | {} | {} | {:.0} |",
                kind.name(),
                low(|figures| figures.goodput * 100.0),
                high(|figures| figures.p50),
                never(runs.mean(|figures| figures.converged), runs.highest(|figures| figures.converged)),
                low(|figures| figures.worst_second * 100.0),
                runs.mean(|figures| figures.limit),
                high(|figures| figures.drift * 100.0),
                high(|figures| figures.over_peak),
                runs.mean(|figures| figures.rejected),
            );
        }
        println!();
    }
    failing();
    println!("{OTHERS}");
}

const FAILING: &str = "
### Failures that have nothing to do with load: goodput at least 95 % of what could succeed

The same server without failures for 22 s, then a share of the calls fails after it was served and is reported as overload. Cells:
goodput % of what could succeed (the worst seed) / the mean limit, of the second half of 90 s.
";

fn failing() {
    println!("{FAILING}");
    println!("| load | limit | 0 % | 0.5 % | 1 % | 2 % | 5 % |");
    println!("|---|---|---|---|---|---|---|");
    for load in [0.7, 1.0, 2.0] {
        for kind in Kind::ALL {
            let cells = [0.0, 0.005, 0.01, 0.02, 0.05].map(|failing| {
                let run = |seed: &u64| run_failing(kind, load, failing, 90, *seed);
                let runs = Runs(SEEDS.iter().map(run).collect());
                format!(
                    "{:.1} ({:.1}) / {:.0}",
                    runs.mean(|run| run.goodput * 100.0),
                    runs.lowest(|run| run.goodput * 100.0),
                    runs.mean(|run| run.limit)
                )
            });
            println!("| {load} | {} | {} |", kind.name(), cells.join(" | "));
        }
    }
    println!();
}

fn never(mean: f64, highest: f64) -> String {
    if mean.is_finite() {
        format!("{mean:.1} ({highest:.1})")
    } else {
        "never, with a seed at least".to_owned()
    }
}

const BALANCER: &str = "
## Balancer

Ten servers of eight workers that serve 10 ms (half constant, half exponential), 60 % load by Poisson, behind a real balancer on
a simulated clock. For the seconds 20 to 60 of 100 the first one is bad: p99 of what succeeded, goodput and its share are of that
time; recovered is after how many seconds it had 80 % of its fair share again. Cells: the mean of the seeds, and the worst.
";

/// Of an earlier simulation of the same troubles, three seeds, service times a little longer.
const BALANCER_OTHERS: &str = "
Others, in an earlier simulation (p99 of all equal 46.1 ms): with one slow server P2C by peak EWMA as tower's has a p99 of
47.6 ms, a share of 0.21 % and recovers in 14.7 s, least in flight 58.6 ms and 1.3 %; with one that fails at once tower's has a
goodput of 79.9 %, with a penalty 99.99 % and 23 s, with ejection 21 s; with one that hangs 99.99 % and 24 to 25 s; with five
servers at a third of the speed a p99 of 95 ms.
";

fn balancer() {
    println!("{BALANCER}\nSeeds: {:?}\n", balancer::SEEDS);
    println!(
        "| trouble | requests go | background failures % | p99 ms | goodput % | share of the bad one % | recovered s |"
    );
    println!("|---|---|---|---|---|---|---|");
    let spreads = [
        ("one after the other", Spread::RoundRobin),
        ("least in flight", Spread::Ours(Policy::LeastInFlight)),
        ("peak EWMA", Spread::Ours(Policy::PeakEwma)),
    ];
    for trouble in [Trouble::None, Trouble::Slow, Trouble::Fails, Trouble::Hangs, Trouble::Unequal] {
        for (name, spread) in spreads {
            let with_failures: &[f64] = match spread {
                Spread::Ours(_) => &[0.0, 0.005, 0.02, 0.05],
                _ => &[0.0],
            };
            for background in with_failures {
                balancer_row(trouble, name, spread, *background);
            }
        }
    }
    println!("{BALANCER_OTHERS}");
}

fn balancer_row(trouble: Trouble, name: &str, spread: Spread, background: f64) {
    let runs = balancer::SEEDS.map(|seed| balancer::run_failing(spread, trouble, background, seed));
    let cell = |figure: fn(&balancer::Figures) -> f64, worst: fn(f64, f64) -> f64, digits: usize| {
        let mean = runs.iter().map(figure).sum::<f64>() / runs.len() as f64;
        let worst = runs.iter().map(figure).fold(figure(&runs[0]), worst);
        format!("{mean:.digits$} ({worst:.digits$})")
    };
    println!(
        "| {trouble:?} | {name} | {} | {} | {} | {} | {} |",
        background * 100.0,
        cell(|run| run.p99_ms, f64::max, 1),
        cell(|run| run.goodput * 100.0, f64::min, 3),
        cell(|run| run.bad_share * 100.0, f64::max, 3),
        if matches!(trouble, Trouble::None | Trouble::Unequal) {
            "-".to_owned()
        } else {
            cell(|run| run.recovered_s, f64::max, 0)
        },
    );
}
