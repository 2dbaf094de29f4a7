//! Where requests go, who is left alone, and what is left when endpoints come and go.

use perfect21_concurrency::{
    Balancer,
    balance::{BalancerBuilder, EndpointState, NoEndpoint, Pick, Policy, RunError, Verdict},
};
use perfect21_core::{Clock, ManualClock};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

struct Bench {
    clock: ManualClock,
    balancer: Balancer<usize>,
}

impl Bench {
    fn new(endpoints: usize, set: impl FnOnce(BalancerBuilder<usize>) -> BalancerBuilder<usize>) -> Self {
        fastrand::seed(7);
        let clock = ManualClock::new();
        let builder = Balancer::builder(0..endpoints).clock(Arc::new(clock.clone()));
        Self { balancer: set(builder).build().unwrap(), clock }
    }

    /// One request at a time, each with this end; how many went where.
    fn ask(&self, requests: usize, mut end: impl FnMut(Pick<usize>)) -> Vec<usize> {
        let mut asked = vec![0; self.balancer.len()];
        for _ in 0..requests {
            let pick = self.balancer.pick().unwrap();
            asked[*pick] += 1;
            self.clock.advance(MS);
            end(pick);
        }
        asked
    }

    /// The endpoint fails whenever it is asked, until it is out.
    fn eject(&self, bad: usize) {
        for _ in 0..10_000 {
            if self.state(bad) == EndpointState::Ejected {
                return;
            }
            self.ask(1, |pick| if *pick == bad { pick.failure() } else { pick.success() });
            self.clock.advance(10 * MS);
        }
        panic!("never ejected: {:?}", self.balancer.stats());
    }

    fn state(&self, endpoint: usize) -> EndpointState {
        self.balancer.stats()[endpoint].state
    }
}

#[test]
fn equal_endpoints_get_equal_shares_and_heavier_ones_more() {
    let bench = Bench::new(10, |builder| builder.policy(Policy::LeastInFlight));
    for (endpoint, asked) in bench.ask(20_000, Pick::success).into_iter().enumerate() {
        assert!((1800..2200).contains(&asked), "{endpoint} got {asked}");
    }
    let ids: Vec<_> = bench.balancer.stats().iter().map(|stats| stats.id).collect();
    bench.balancer.set_weight(ids[3], 5.0).unwrap();
    bench.balancer.set_weight(ids[4], 0.5).unwrap();
    // Many at once, as shares are by what is in flight.
    let held: Vec<_> = (0..1350).map(|_| bench.balancer.pick().unwrap()).collect();
    let mut shares = HashMap::new();
    held.iter().for_each(|pick| *shares.entry(**pick).or_insert(0) += 1);
    assert!((480..520).contains(&shares[&3]), "{shares:?}");
    assert!((40..60).contains(&shares[&4]), "{shares:?}");
    assert!((90..110).contains(&shares[&0]), "{shares:?}");
}

#[test]
fn a_slow_endpoint_gets_little_and_its_share_back_when_it_is_well() {
    let bench = Bench::new(5, |builder| builder);
    let run = |slow: bool, requests| {
        let mut held: Vec<(u32, Pick<usize>)> = Vec::new();
        let mut asked = 0;
        for now in 0..requests {
            let pick = bench.balancer.pick().unwrap();
            asked += u32::from(*pick == 0);
            let takes = if slow && *pick == 0 { 200 } else { 10 };
            held.push((now + takes, pick));
            bench.clock.advance(MS);
            let (over, runs): (Vec<_>, Vec<_>) = held.drain(..).partition(|(until, _)| *until <= now);
            over.into_iter().for_each(|(_, pick)| pick.success());
            held = runs;
        }
        f64::from(asked) / f64::from(requests)
    };
    assert!((0.15..0.25).contains(&run(false, 5000)));
    let slow = run(true, 20_000);
    assert!(slow < 0.02, "{slow} of the requests");
    run(false, 5000);
    let well = run(false, 5000);
    assert!((0.15..0.25).contains(&well), "{well} of the requests");
}

#[test]
fn what_fails_at_once_does_not_look_fast() {
    let bench = Bench::new(5, |builder| builder.ejection_in_a_row(u32::MAX).min_success_off());
    let asked = bench.ask(10_000, |pick| if *pick == 2 { pick.failure() } else { pick.success() });
    assert!(asked[2] < 100, "{asked:?}");
}

/// Settings that tests name.
trait Off {
    fn min_success_off(self) -> Self;
}

impl Off for BalancerBuilder<usize> {
    fn min_success_off(self) -> Self {
        self.ejection_by_share(SECOND, u64::MAX, 0.0)
    }
}

#[test]
fn one_request_finds_out_whether_an_endpoint_is_well_again() {
    let bench = Bench::new(3, |builder| builder.ejection_time(SECOND, 4 * SECOND).slow_start(Duration::ZERO));
    bench.eject(1);
    assert_eq!(bench.ask(300, Pick::success)[1], 0, "it is out");
    for wait in [2, 4, 4] {
        bench.clock.advance(5 * SECOND);
        let mut held = Vec::new();
        for _ in 0..200 {
            held.push(bench.balancer.pick().unwrap());
        }
        let probes = held.iter().filter(|pick| ***pick == 1).count();
        assert_eq!((probes, bench.state(1)), (1, EndpointState::Probed));
        held.into_iter().for_each(|pick| if *pick == 1 { pick.failure() } else { pick.success() });
        assert_eq!(bench.state(1), EndpointState::Ejected);
        bench.clock.advance(wait * SECOND - 300 * MS);
        assert_eq!(bench.ask(100, Pick::success)[1], 0, "out for {wait} s");
    }
    bench.clock.advance(5 * SECOND);
    bench.ask(100, |pick| if *pick == 1 { drop(pick) } else { pick.success() });
    assert!(bench.state(1) != EndpointState::Available, "a probe that is given up says nothing");
    assert!(bench.ask(300, Pick::success)[1] > 50);
    assert_eq!(bench.state(1), EndpointState::Available);
}

#[test]
fn what_comes_back_or_is_new_starts_slowly() {
    let bench = Bench::new(4, |builder| builder.policy(Policy::LeastInFlight).slow_start(10 * SECOND));
    let id = bench.balancer.insert(4, 1.0).unwrap();
    let share = |bench: &Bench| {
        let held: Vec<_> = (0..1000).map(|_| bench.balancer.pick().unwrap()).collect();
        held.iter().filter(|pick| pick.id() == id).count()
    };
    let early = share(&bench);
    bench.clock.advance(5 * SECOND);
    let middle = share(&bench);
    bench.clock.advance(6 * SECOND);
    let late = share(&bench);
    assert!((15..40).contains(&early) && (90..135).contains(&middle), "{early}, {middle}, {late}");
    assert!((190..210).contains(&late), "{early}, {middle}, {late}");
}

#[test]
fn no_more_than_a_share_is_ejected_and_where_all_fail_all_are_asked() {
    let bench = Bench::new(4, |builder| builder.ejection_time(3600 * SECOND, 3600 * SECOND));
    for _ in 0..500 {
        bench.ask(1, Pick::failure);
        bench.clock.advance(100 * MS);
    }
    let out = bench.balancer.stats().iter().filter(|stats| stats.state == EndpointState::Ejected).count();
    assert_eq!(out, 2);
    let bench = Bench::new(2, |builder| builder.max_ejected(1.0).ejection_time(3600 * SECOND, 3600 * SECOND));
    for _ in 0..500 {
        bench.ask(1, Pick::failure);
        bench.clock.advance(100 * MS);
    }
    assert!(bench.balancer.stats().iter().all(|stats| stats.state == EndpointState::Ejected));
    assert!(bench.ask(100, Pick::ignore).iter().all(|asked| *asked > 10), "fail open");
    let only = Bench::new(1, |builder| builder);
    assert_eq!(only.ask(100, Pick::failure), [100], "the only one is asked whatever it does");
}

#[test]
fn a_server_that_asks_to_be_left_alone_is() {
    let bench = Bench::new(3, |builder| builder.slow_start(Duration::ZERO));
    let mut told = false;
    bench.ask(100, |pick| {
        if *pick == 0 && !told {
            told = true;
            pick.overloaded(Some(20 * SECOND));
        } else {
            pick.success();
        }
    });
    assert_eq!(bench.state(0), EndpointState::Ejected);
    bench.clock.advance(19 * SECOND);
    assert_eq!(bench.ask(100, Pick::success)[0], 0);
    bench.clock.advance(2 * SECOND);
    assert!(bench.ask(100, Pick::success)[0] > 10);
    let asked = bench.balancer.pick().unwrap();
    asked.overloaded(None);
}

#[test]
fn a_request_that_is_given_up_late_counts_as_slow_and_never_as_a_failure() {
    let bench = Bench::new(2, |builder| builder);
    bench.ask(100, Pick::success);
    let hung = bench.balancer.pick().unwrap();
    let which = *hung;
    bench.clock.advance(SECOND);
    drop(hung);
    let stats = bench.balancer.stats();
    assert!(stats[which].latency >= SECOND && stats[which].failures == 0, "{stats:?}");
    assert_eq!((stats[0].in_flight, stats[1].in_flight), (0, 0));
}

#[test]
fn endpoints_come_and_go_while_they_are_asked() {
    let balancer = Balancer::builder((0..8_usize).map(Arc::new)).build().unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let ask = || {
            let mut asked = 0_u64;
            while !over.load(SeqCst) {
                match balancer.pick() {
                    Ok(pick) if asked.is_multiple_of(7) => pick.failure(),
                    Ok(pick) => pick.success(),
                    Err(error) => assert_eq!(error, NoEndpoint::Empty),
                }
                asked += 1;
            }
        };
        let askers = [scope.spawn(ask), scope.spawn(ask)];
        let mut ids: Vec<_> = balancer.stats().iter().map(|stats| stats.id).collect();
        for round in 0..2000 {
            if round % 3 == 0 {
                ids.push(balancer.insert(Arc::new(round), 1.0 + (round % 5) as f64).unwrap());
            } else {
                let id = ids.swap_remove(round % ids.len());
                assert!(balancer.remove(id) && !balancer.remove(id));
            }
            if ids.is_empty() {
                ids.push(balancer.insert(Arc::new(round), 1.0).unwrap());
            }
        }
        over.store(true, SeqCst);
        askers.into_iter().for_each(|asker| asker.join().unwrap());
        assert_eq!(balancer.len(), ids.len());
    });
    assert!(balancer.stats().iter().all(|stats| stats.in_flight == 0));
}

#[test]
fn a_removed_endpoint_ends_its_requests_and_is_dropped() {
    let value = Arc::new(());
    let balancer = Balancer::new([Arc::clone(&value)]).unwrap();
    let pick = balancer.pick().unwrap();
    assert!(balancer.remove(pick.id()));
    assert_eq!(balancer.pick().unwrap_err(), NoEndpoint::Empty);
    assert_eq!(Arc::strong_count(&value), 2);
    pick.success();
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_list_of_a_registry_replaces_what_is_gone_and_keeps_what_is_known() {
    let balancer = Balancer::new(["a", "b", "c"]).unwrap();
    let ids = |balancer: &Balancer<&str>| balancer.stats().iter().map(|stats| stats.id).collect::<Vec<_>>();
    let before = ids(&balancer);
    balancer.replace(["b", "d", "c", "d"]);
    let after = ids(&balancer);
    assert_eq!((after.len(), after[..2].to_vec()), (3, before[1..].to_vec()));
    balancer.replace([]);
    assert!(balancer.is_empty());
}

#[tokio::test]
async fn retries_go_elsewhere_as_long_as_there_is_budget() {
    let bench = Bench::new(4, |builder| builder.max_retries(2).retry_budget(0.0, 3).ejection_in_a_row(1000));
    let asked = AtomicUsize::new(0);
    let fail = |target: perfect21_concurrency::balance::Target<usize>| {
        asked.fetch_add(1, SeqCst);
        async move { Err::<(), usize>(*target) }
    };
    let RunError::Failed { tries, .. } = bench.balancer.run(fail).await.unwrap_err() else { unreachable!() };
    assert_eq!((tries, asked.load(SeqCst)), (3, 3));
    let tries = |error| if let RunError::Failed { tries, .. } = error { tries } else { 0 };
    assert_eq!(tries(bench.balancer.run(fail).await.unwrap_err()), 2, "one of three is left");
    assert_eq!(tries(bench.balancer.run(fail).await.unwrap_err()), 1);
    bench.clock.advance(SECOND);
    assert_eq!(tries(bench.balancer.run(fail).await.unwrap_err()), 3);
    let failed: HashMap<_, _> =
        bench.balancer.stats().iter().map(|stats| (stats.id, stats.failures)).collect();
    assert_eq!(failed.values().sum::<u64>(), 9);

    let bench =
        Bench::new(4, |builder| builder.max_retries(9).retry_budget(1.0, 100).ejection_in_a_row(1000));
    let error = bench.balancer.run(|target| async move { Err::<(), _>(*target) }).await.unwrap_err();
    assert_eq!(tries(error), 4, "each once");
    let judge = |result: &Result<u16, ()>| match result {
        Ok(503) => Verdict::Overloaded(None),
        Ok(400) => Verdict::Ignore,
        _ => Verdict::Success,
    };
    let answer = bench.balancer.run_judged(judge, |_| async { Ok(503) }).await;
    assert_eq!(answer, Ok(503), "the last answer, as it is");
    let before = bench.balancer.stats().iter().map(|stats| stats.failures).sum::<u64>();
    assert_eq!(bench.balancer.run_judged(judge, |_| async { Ok(400) }).await, Ok(400));
    assert_eq!(bench.balancer.stats().iter().map(|stats| stats.failures).sum::<u64>(), before);
    let empty = Balancer::<usize>::new([]).unwrap();
    let nobody = empty.run(|_| async { Ok::<_, ()>(()) }).await.unwrap_err();
    assert_eq!(nobody, RunError::NoEndpoint(NoEndpoint::Empty));
}

/// tokio's time, which tests pause.
#[derive(Debug)]
struct Paused;

impl Clock for Paused {
    fn now(&self) -> std::time::Instant {
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> std::time::SystemTime {
        std::time::UNIX_EPOCH
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_health_check_finds_down_is_not_asked() {
    fastrand::seed(7);
    let builder = Balancer::builder(0..4_usize).clock(Arc::new(Paused)).slow_start(Duration::ZERO);
    let balancer = builder.build().unwrap();
    let well: Arc<[AtomicBool; 4]> = Arc::new([const { AtomicBool::new(true) }; 4]);
    let checks = balancer.health_check(SECOND, 100 * MS, {
        let well = Arc::clone(&well);
        move |target| {
            let well = Arc::clone(&well);
            async move {
                if *target == 3 && !well[3].load(SeqCst) {
                    std::future::pending::<()>().await;
                }
                well[*target].load(SeqCst)
            }
        }
    });
    let checks = tokio::spawn(checks.unwrap());
    let state = |endpoint: usize| balancer.stats()[endpoint].state;
    let asked = |endpoint: usize| (0..200).filter(|_| *balancer.pick().unwrap() == endpoint).count();
    tokio::time::sleep(500 * MS).await;
    well[1].store(false, SeqCst);
    tokio::time::sleep(SECOND).await;
    assert!(asked(1) > 10, "once is not enough");
    tokio::time::sleep(SECOND).await;
    assert_eq!((asked(1), state(1)), (0, EndpointState::Down));
    well[3].store(false, SeqCst);
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!((asked(3), state(3)), (0, EndpointState::Down), "it does not answer");
    well[0].store(false, SeqCst);
    tokio::time::sleep(3 * SECOND).await;
    assert!(asked(0) > 10 && asked(1) > 10 && asked(3) > 10, "most are down: not believed");
    well.iter().for_each(|well| well.store(true, SeqCst));
    tokio::time::sleep(3 * SECOND).await;
    assert!((0..4).all(|endpoint| state(endpoint) == EndpointState::Available && asked(endpoint) > 10));
    drop(balancer);
    tokio::time::timeout(10 * SECOND, checks).await.expect("it outlives its balancer").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_check_has_its_whole_time_however_many_there_are() {
    let balancer = Balancer::builder(0..100_usize).clock(Arc::new(Paused)).build().unwrap();
    let check = |_| async {
        tokio::time::sleep(90 * MS).await;
        true
    };
    let checks = tokio::spawn(balancer.health_check(SECOND, 100 * MS, check).unwrap());
    tokio::time::sleep(10 * SECOND).await;
    assert!(balancer.stats().iter().all(|stats| stats.state == EndpointState::Available));
    checks.abort();
}

#[test]
fn bad_settings_are_refused_by_name() {
    let refused = |set: fn(BalancerBuilder<usize>) -> BalancerBuilder<usize>| {
        set(Balancer::builder(0..3)).build().unwrap_err().to_string()
    };
    for (said, setting, rule) in [
        (refused(|builder| builder.decay(Duration::ZERO)), "decay", "above zero"),
        (refused(|builder| builder.failure_penalty(Duration::ZERO)), "failure_penalty", "above zero"),
        (refused(|builder| builder.ejection_by_share(Duration::ZERO, 1, 0.5)), "window", "above zero"),
        (refused(|builder| builder.ejection_by_share(SECOND, 0, 0.5)), "min_requests", "at least 1"),
        (refused(|builder| builder.ejection_by_share(SECOND, 1, 1.5)), "min_success", "from 0 to 1"),
        (refused(|builder| builder.ejection_in_a_row(0)), "ejection_in_a_row", "at least 1"),
        (refused(|builder| builder.ejection_time(2 * SECOND, SECOND)), "ejection_time", "first time"),
        (refused(|builder| builder.max_ejected(f64::NAN)), "max_ejected", "from 0 to 1"),
        (refused(|builder| builder.retry_budget(-0.1, 5)), "retry_budget", "from 0 to 1"),
    ] {
        assert!(said.contains(setting) && said.contains(rule), "{said}");
    }
    let balancer = Balancer::new(0..3_usize).unwrap();
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(balancer.insert(9, weight).unwrap_err().to_string().contains("weight"));
    }
    assert!(balancer.health_check(Duration::ZERO, SECOND, |_| async { true }).is_err());
}

#[test]
fn handles_and_guards_go_between_threads() {
    fn goes<T: Send + Sync + 'static>() {}
    goes::<Balancer<String>>();
    goes::<Pick<String>>();
}
