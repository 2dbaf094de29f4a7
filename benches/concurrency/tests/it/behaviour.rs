//! What the simulations reach, for every seed unless it says otherwise.

use perfect21_bench_concurrency::simulation::{
    balancer::{self, Spread, Trouble},
    limiter::{Kind, Runs, Scenario, run_failing},
};
use perfect21_concurrency::balance::Policy;

/// The four of the table that are held against the same goals; goodput is that of the mean of the seeds.
fn follows_the_server(scenario: Scenario, goodput: f64) {
    let runs = Runs::of(Kind::Elastic, scenario);
    assert!(runs.mean(|run| run.goodput) >= 0.97, "{runs:#?}");
    assert!(runs.lowest(|run| run.goodput) >= goodput, "{runs:#?}");
    assert!(runs.highest(|run| run.p50) <= 1.3, "{runs:#?}");
    assert!(runs.highest(|run| run.converged) <= 5.0, "{runs:#?}");
    assert!(runs.lowest(|run| run.worst_second) >= 0.88, "{runs:#?}");
}

#[test]
fn elastic_keeps_an_overloaded_server_busy_and_its_latencies_low() {
    follows_the_server(Scenario::Overload, 0.97);
}

#[test]
fn elastic_does_not_take_a_slower_server_for_one_with_fewer_workers() {
    follows_the_server(Scenario::Slower, 0.97);
}

#[test]
fn elastic_follows_a_server_that_loses_workers() {
    follows_the_server(Scenario::FewerWorkers, 0.97);
}

/// The load is just what the server can do then, so whoever is refused by chance is missed: single seeds reach 96.6 %.
#[test]
fn elastic_follows_a_server_that_gains_workers() {
    follows_the_server(Scenario::MoreWorkers, 0.965);
}

#[test]
fn elastic_does_not_drift_under_a_load_that_is_a_little_too_high() {
    let runs = Runs::of(Kind::Elastic, Scenario::Moderate);
    assert!(runs.lowest(|run| run.goodput) >= 0.94, "{runs:#?}");
    assert!(runs.highest(|run| run.p50) <= 1.3, "{runs:#?}");
    assert!(runs.highest(|run| run.drift) <= 0.1, "{runs:#?}");
}

#[test]
fn elastic_refuses_nobody_where_there_is_room() {
    let runs = Runs::of(Kind::Elastic, Scenario::Idle);
    assert!(runs.highest(|run| run.rejected) < 0.5, "{runs:#?}");
    assert!(runs.highest(|run| run.over_peak) <= 3.0, "{runs:#?}");
}

/// The drift that Netflix's users report, and that a fixed limit misses the gain of workers.
#[test]
fn others_behave_as_they_are_known_for() {
    let drifting = Runs::of(Kind::Gradient2, Scenario::Moderate);
    assert!(drifting.lowest(|run| run.drift) > 1.0, "{drifting:#?}");
    let fixed = Runs::of(Kind::Fixed, Scenario::MoreWorkers);
    assert!(fixed.highest(|run| run.goodput) < 0.5, "{fixed:#?}");
}

fn balanced(trouble: Trouble) -> [balancer::Figures; 3] {
    balancer::SEEDS.map(|seed| balancer::run(Spread::Ours(Policy::PeakEwma), trouble, seed))
}

#[test]
fn a_slow_server_hardly_shows_in_what_the_balancer_answers() {
    let equal = balanced(Trouble::None);
    for (run, equal) in balanced(Trouble::Slow).iter().zip(equal) {
        assert!(run.p99_ms <= 1.1 * equal.p99_ms, "{run:?} {equal:?}");
        assert!(run.bad_share <= 0.005 && run.recovered_s <= 5.0, "{run:?}");
    }
}

#[test]
fn a_server_that_fails_or_hangs_costs_hardly_an_answer_and_is_back_soon() {
    for run in balanced(Trouble::Fails).into_iter().chain(balanced(Trouble::Hangs)) {
        assert!(run.goodput >= 0.999 && run.recovered_s <= 5.0, "{run:?}");
    }
}

/// Failures that have nothing to do with load, all reported as overload. The bench runs more shares
/// for longer.
fn keeps_its_goodput(kind: Kind) {
    for (load, failing, seconds) in [(0.7, 0.05, 16), (1.0, 0.02, 60), (2.0, 0.02, 12), (2.0, 0.05, 12)] {
        let run = run_failing(kind, load, failing, seconds, 21);
        // At exactly what the server can do, single seeds of Vegas without any failure reach 95.2 %.
        let goodput = if kind == Kind::Vegas && load == 1.0 { 0.94 } else { 0.95 };
        assert!(run.goodput >= goodput, "{kind:?} at {load} of the capacity, {failing} fail: {run:?}");
    }
}

#[test]
fn elastic_keeps_its_goodput_under_failures_that_load_does_not_cause() {
    keeps_its_goodput(Kind::Elastic);
}

#[test]
fn aimd_keeps_its_goodput_under_failures_that_load_does_not_cause() {
    keeps_its_goodput(Kind::Aimd);
}

#[test]
fn vegas_keeps_its_goodput_under_failures_that_load_does_not_cause() {
    keeps_its_goodput(Kind::Vegas);
}

#[test]
fn gradient2_keeps_its_goodput_under_failures_that_load_does_not_cause() {
    keeps_its_goodput(Kind::Gradient2);
}

/// Five per cent of the requests fail on all servers, all the time. The bench runs more shares and
/// seeds.
fn stands_background_failures(trouble: Trouble) {
    let policy = Spread::Ours(Policy::PeakEwma);
    let seed = balancer::SEEDS[0];
    let without = balancer::run(policy, trouble, seed);
    let failing = 0.05;
    let run = balancer::run_failing(policy, trouble, failing, seed);
    assert!(run.p99_ms <= 1.2 * without.p99_ms, "{run:?}, without {without:?}");
    assert!(run.recovered_s <= 5.0, "{run:?}");
    assert!(run.goodput >= 0.999 * (1.0 - failing) - 0.001, "{run:?}");
}

#[test]
fn a_slow_server_among_ones_that_fail_a_little_costs_no_more() {
    stands_background_failures(Trouble::Slow);
}

#[test]
fn a_failing_server_among_ones_that_fail_a_little_costs_no_more() {
    stands_background_failures(Trouble::Fails);
}

#[test]
fn a_hanging_server_among_ones_that_fail_a_little_costs_no_more() {
    stands_background_failures(Trouble::Hangs);
}
