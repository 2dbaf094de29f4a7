//! Whatever a window says, an algorithm answers with a limit that makes sense.

use perfect21_concurrency::{
    Algorithm,
    limit::{Aimd, Elastic, Gradient2, Vegas, Window},
};
use proptest::prelude::*;
use std::time::Duration;

fn all() -> Vec<Box<dyn Algorithm>> {
    vec![Box::new(Aimd::new()), Box::new(Vegas::new()), Box::new(Gradient2::new()), Box::new(Elastic::new())]
}

fn window(limit: usize, latency: Duration) -> Window {
    let mut window = Window::new(limit, Duration::from_millis(100));
    window.completed = (limit as f64 / latency.as_secs_f64() / 10.0) as u64;
    window.samples = window.completed;
    (window.latency, window.min_latency) = (latency, latency);
    (window.peak, window.refused) = (limit, 1);
    window
}

#[derive(Debug, Clone)]
struct Seen {
    nanos: u64,
    completed: u64,
    overloaded: u64,
    refused: u64,
    peak: usize,
    latency: u64,
    limit: Option<usize>,
}

fn seen() -> impl Strategy<Value = Seen> {
    let counts = (0..1_u64 << 40, prop_oneof![Just(0), 0..100_u64], 0..3_u64, 0..5000_usize);
    (0..1_u64 << 36, counts, 0..1_u64 << 40, prop::option::weighted(0.1, 1..2000_usize)).prop_map(
        |(nanos, (completed, overloaded, refused, peak), latency, limit)| Seen {
            nanos,
            completed,
            overloaded,
            refused,
            peak,
            latency,
            limit,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_window_leads_one_astray(windows in prop::collection::vec(seen(), 1..200)) {
        for mut algorithm in all() {
            let mut limit = 20;
            for seen in &windows {
                limit = seen.limit.unwrap_or(limit);
                let mut window = Window::new(limit, Duration::from_nanos(seen.nanos));
                (window.completed, window.samples) = (seen.completed, seen.completed);
                (window.overloaded, window.refused, window.peak) = (seen.overloaded, seen.refused, seen.peak);
                window.latency = Duration::from_nanos(if seen.completed == 0 { 0 } else { seen.latency });
                let wanted = algorithm.on_window(&window);
                prop_assert!(wanted <= limit * 2 + 20, "{algorithm:?}: {limit} to {wanted} by {window:?}");
                limit = wanted.clamp(1, 1000);
            }
        }
    }
}

#[test]
fn aimd_adds_one_and_takes_a_tenth() {
    let (mut aimd, mut window) = (Aimd::new(), window(50, Duration::from_millis(10)));
    assert_eq!(aimd.on_window(&window), 51);
    window.overloaded = window.completed;
    assert_eq!(aimd.on_window(&window), 45);
    assert_eq!(Aimd::new().backoff(0.5).on_window(&window), 25);
    (window.overloaded, window.peak) = (0, 24);
    assert_eq!(aimd.on_window(&window), 50, "less than half of it is used");
}

/// A share of the calls fails, whatever the limit is.
#[test]
fn failures_that_do_not_depend_on_the_limit_do_not_lower_it() {
    for share in [0.02, 0.05, 0.2] {
        for mut algorithm in all() {
            let mut limit = 50;
            let mut lowest = limit;
            for nth in 0..300 {
                let mut window = window(limit, Duration::from_millis(10));
                window.overloaded = (window.completed as f64 * share).round() as u64;
                window.completed -= window.overloaded;
                limit = algorithm.on_window(&window).clamp(1, 100);
                if nth > 100 {
                    lowest = lowest.min(limit);
                }
            }
            assert!(lowest >= 40, "{share} fail: {lowest} by {algorithm:?}");
        }
    }
}

/// A third of the calls fails above a limit of 50, and none below.
#[test]
fn failures_that_depend_on_the_limit_lower_it() {
    for mut algorithm in all() {
        let (mut limit, mut above) = (100, 0);
        for nth in 0..300 {
            let mut window = window(limit, Duration::from_millis(10));
            if limit > 50 {
                window.overloaded = window.completed / 3;
                window.completed -= window.overloaded;
            }
            limit = algorithm.on_window(&window).clamp(1, 1000);
            above += usize::from(nth >= 100 && limit > 75);
        }
        assert!(above <= 20, "{above} of 200 windows with half of the calls too many by {algorithm:?}");
    }
}

#[test]
fn vegas_goes_by_the_queue() {
    let mut vegas = Vegas::new();
    assert_eq!(vegas.on_window(&window(100, Duration::from_millis(10))), 112, "no queue: six steps of two");
    for (latency, wanted) in [(10.3, 102), (10.7, 100), (12.0, 98)] {
        let latency = Duration::from_secs_f64(latency / 1000.0);
        assert_eq!(vegas.on_window(&window(100, latency)), wanted, "{latency:?}");
    }
}

#[test]
fn gradient2_falls_where_latencies_leave_their_mean() {
    let mut gradient = Gradient2::new();
    let mut limit = 50;
    for _ in 0..20 {
        limit = gradient.on_window(&window(limit, Duration::from_millis(10)));
    }
    assert!((60..70).contains(&limit), "a fifth of four a window: {limit}");
    for _ in 0..20 {
        limit = gradient.on_window(&window(limit, Duration::from_millis(40)));
    }
    assert!(limit < 20, "{limit}");
}

/// A server that serves what it is given, up to 100 at once.
#[test]
fn elastic_climbs_to_the_knee_and_stays() {
    let mut elastic = Elastic::new();
    let mut limit = 20_usize;
    let mut limits = Vec::new();
    for _ in 0..300 {
        let slower = (limit as f64 / 100.0).max(1.0);
        limit = elastic.on_window(&window(limit, Duration::from_millis(10).mul_f64(slower)));
        limits.push(limit);
    }
    assert!(limits[..10].iter().any(|limit| *limit >= 100), "{limits:?}");
    let settled = &limits[200..];
    assert!(settled.iter().all(|limit| (85..=120).contains(limit)), "{limits:?}");
}
