//! A balancer whose endpoints fail a little all the time, as real services do.

use perfect21_concurrency::{
    Balancer,
    balance::{EndpointState, Pick},
};
use perfect21_core::ManualClock;
use std::{collections::VecDeque, sync::Arc, time::Duration};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn balancer(endpoints: usize) -> (Balancer<usize>, ManualClock) {
    fastrand::seed(7);
    let clock = ManualClock::new();
    let balancer = Balancer::builder(0..endpoints).clock(Arc::new(clock.clone())).build().unwrap();
    (balancer, clock)
}

/// Keeps `callers` requests in flight, each answered `answer` after it was sent, for `time`; one in
/// `fails` requests fails.
fn ask(
    balancer: &Balancer<usize>,
    clock: &ManualClock,
    callers: u32,
    answer: Duration,
    time: Duration,
    fails: u64,
) -> Vec<u64> {
    let step = answer / callers;
    let mut in_flight = VecDeque::new();
    let mut asked = vec![0; balancer.len()];
    let mut random = fastrand::Rng::with_seed(21);
    let mut end = |pick: Pick<usize>| if random.u64(..fails) == 0 { pick.failure() } else { pick.success() };
    for _ in 0..time.as_nanos() / step.as_nanos() {
        let pick = balancer.pick().unwrap();
        asked[*pick] += 1;
        in_flight.push_back(pick);
        clock.advance(step);
        if in_flight.len() >= callers as usize {
            end(in_flight.pop_front().unwrap());
        }
    }
    in_flight.into_iter().for_each(end);
    asked
}

#[test]
fn ordinary_failures_leave_estimates_at_the_latency() {
    for fails in [1000, 100, 20] {
        let (balancer, clock) = balancer(3);
        for _ in 0..10 {
            ask(&balancer, &clock, 64, 5 * MS, SECOND, fails);
            for stats in balancer.stats() {
                assert!((4 * MS..20 * MS).contains(&stats.latency), "one in {fails} fails: {stats:?}");
                assert_eq!(stats.state, EndpointState::Available, "one in {fails} fails: {stats:?}");
            }
        }
        let asked = ask(&balancer, &clock, 64, 5 * MS, SECOND, fails);
        let all: u64 = asked.iter().sum();
        assert!(asked.iter().all(|asked| *asked > all / 5), "one in {fails} fails: {asked:?}");
    }
}

#[test]
fn a_busy_endpoint_keeps_its_share_of_failures_over_long_windows() {
    fastrand::seed(7);
    let clock = ManualClock::new();
    let builder = Balancer::builder(0..2_usize).clock(Arc::new(clock.clone()));
    let balancer = builder.ejection_by_share(3600 * SECOND, 10, 0.7).build().unwrap();
    // More requests than a bucket counts, one in ten of which fails.
    for request in 0..800_000_u64 {
        let pick = balancer.pick().unwrap();
        if request % 10 == 0 { pick.failure() } else { pick.success() }
    }
    for stats in balancer.stats() {
        assert_eq!(stats.ejections, 0, "{stats:?}");
    }
}

#[test]
fn a_new_endpoint_gets_its_share_whatever_the_latency() {
    for answer in [Duration::from_micros(1), Duration::from_micros(50), 5 * MS, 200 * MS] {
        let (balancer, clock) = balancer(4);
        let step = answer.max(Duration::from_micros(50));
        let one_by_one = |time: Duration| {
            let mut asked = [0_u64; 5];
            for _ in 0..(time.as_nanos() / step.as_nanos()).min(40_000) {
                let pick = balancer.pick().unwrap();
                asked[*pick] += 1;
                clock.advance(answer);
                pick.success();
                clock.advance(step - answer);
            }
            asked
        };
        one_by_one(SECOND);
        balancer.insert(4, 1.0).unwrap();
        one_by_one(2 * SECOND);
        one_by_one(2 * SECOND);
        one_by_one(SECOND);
        let asked = one_by_one(40 * answer.max(50 * MS));
        let fair = asked.iter().sum::<u64>() as f64 / 5.0;
        let share = asked[4] as f64 / fair;
        assert!((0.5..=1.2).contains(&share), "{answer:?}: {share} of its share, {asked:?}");
    }
}
