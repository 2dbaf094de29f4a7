//! Settings and arguments at their extremes: refused with a sentence, or right in use; never a
//! panic, never a wrap.

use perfect21_concurrency::{
    Algorithm, Balancer, Batcher, ConfigError, Limit, ManualClock, ThreadPool, gather,
    limit::{Aimd, Elastic, Fixed, Gradient2, LimitBuilder, Outcome, Vegas, Window},
};
use perfect21_core::{LatencySnapshot, Metric, Observe, Reading, Visitor};
use std::{convert::Infallible, sync::Arc, time::Duration};

const TIMES: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_secs(1 << 34),
    Duration::from_secs(1 << 55),
    Duration::from_secs(u64::MAX),
    Duration::MAX,
];
const COUNTS: [usize; 4] = [0, 1, u32::MAX as usize, usize::MAX];

/// Reads everything, as metrics do.
struct Reads;

impl Visitor for Reads {
    fn counter(&mut self, _: &Metric, _: &[(&str, &str)], _: u64) {}

    fn gauge(&mut self, _: &Metric, _: &[(&str, &str)], reading: Reading) {
        assert!(format!("{reading:?}").len() > 1);
    }

    fn latency(&mut self, _: &Metric, _: &[(&str, &str)], _: &LatencySnapshot) {}
}

/// A refusal names the setting, its value and what is allowed; otherwise `uses` runs.
fn refused_or_right<T>(
    setting: &str,
    value: impl std::fmt::Debug,
    made: Result<T, ConfigError>,
    uses: impl FnOnce(T),
) {
    match made {
        Ok(made) => uses(made),
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains(setting) && said.contains("must"), "{setting} = {value:?}: {said}");
        }
    }
}

type SetTime<B> = (&'static str, fn(B, Duration) -> B);
type SetCount<B> = (&'static str, fn(B, usize) -> B);

#[test]
fn limits() {
    let times: [SetTime<LimitBuilder>; 3] = [
        ("max_wait", LimitBuilder::max_wait),
        ("window", LimitBuilder::window),
        ("ceiling", LimitBuilder::ceiling),
    ];
    let counts: [SetCount<LimitBuilder>; 5] = [
        ("max_queue", LimitBuilder::max_queue),
        ("initial", |builder, limit| builder.max_limit(Limit::MAX).initial(limit)),
        ("min_limit", LimitBuilder::min_limit),
        ("max_limit", LimitBuilder::max_limit),
        ("min_samples", |builder, samples| builder.min_samples(samples as u64)),
    ];
    let algorithms: [fn(LimitBuilder) -> LimitBuilder; 5] = [
        |builder| builder.algorithm(Elastic::new()),
        |builder| builder.algorithm(Aimd::new()),
        |builder| builder.algorithm(Vegas::new()),
        |builder| builder.algorithm(Gradient2::new()),
        |builder| builder.algorithm(Fixed),
    ];
    for algorithm in algorithms {
        let clock = ManualClock::new();
        let builder = || algorithm(Limit::adaptive()).clock(clock.clone());
        let uses = |limit: Limit| {
            for call in 0..300 {
                let permit = limit.try_acquire_many(if call % 50 == 0 { usize::MAX } else { 1 }).unwrap();
                let _ = limit.try_acquire_many(usize::MAX);
                clock.advance(Duration::from_millis(10));
                permit.end(if call % 100 == 0 { Outcome::Overload } else { Outcome::Success });
            }
            let stats = limit.stats();
            assert!((1..=Limit::MAX).contains(&stats.limit) && stats.in_flight == 0, "{stats:?}");
            limit.observe(&mut Reads);
        };
        for (setting, set) in times {
            for time in TIMES {
                refused_or_right(setting, time, set(builder(), time).build(), uses);
            }
        }
        for (setting, set) in counts {
            for count in COUNTS {
                refused_or_right(setting, count, set(builder(), count).build(), uses);
            }
        }
    }
    for count in COUNTS {
        refused_or_right("max_in_flight", count, Limit::new(count), |_| ());
        refused_or_right("limit", count, Limit::new(1).unwrap().resize(count), |()| ());
    }
    for (setting, value) in [("ceiling", Duration::ZERO), ("window", Duration::from_nanos(1))] {
        let builder = Limit::adaptive();
        let built = if setting == "window" { builder.window(value) } else { builder.ceiling(value) }.build();
        assert!(built.unwrap_err().to_string().starts_with(setting));
    }
}

/// A call of 10 ms is below a ceiling that no call reaches.
#[test]
fn a_ceiling_of_ages_is_never_exceeded() {
    for ceiling in &TIMES[2..] {
        let clock = ManualClock::new();
        let builder = Limit::builder(10).algorithm(Aimd::new()).clock(clock.clone());
        let limit = builder.ceiling(*ceiling).build().unwrap();
        for _ in 0..300 {
            let permit = limit.try_acquire().unwrap();
            clock.advance(Duration::from_millis(10));
            permit.success();
        }
        assert_eq!(limit.stats().limit, 10, "{ceiling:?}");
    }
}

#[test]
fn algorithms() {
    let algorithms: [fn() -> Box<dyn Algorithm>; 5] = [
        || Box::new(Elastic::new()),
        || Box::new(Aimd::new().backoff(f64::NAN)),
        || Box::new(Vegas::new()),
        || Box::new(Gradient2::new()),
        || Box::new(Fixed),
    ];
    for made in algorithms {
        let mut algorithm = made();
        for (nth, limit) in [0, 1, usize::MAX / 2, usize::MAX].repeat(8).into_iter().enumerate() {
            let mut window = Window::new(limit, TIMES[nth % TIMES.len()]);
            (window.completed, window.overloaded) = (u64::MAX >> (nth % 3), u64::MAX >> (nth % 64));
            (window.samples, window.refused, window.peak) = (u64::MAX, u64::MAX, usize::MAX);
            (window.latency, window.min_latency) = (TIMES[(nth / 2) % TIMES.len()], Duration::ZERO);
            let _ = algorithm.on_window(&window);
            assert!((0.0..=1.0).contains(&window.overload_share()) && window.throughput().is_finite());
        }
    }
}

#[test]
fn balancers() {
    type Builder = perfect21_concurrency::balance::BalancerBuilder<usize>;
    let times: [SetTime<Builder>; 6] = [
        ("decay", Builder::decay),
        ("failure_penalty", Builder::failure_penalty),
        ("window", |builder, time| builder.ejection_by_share(time, 10, 0.7)),
        ("ejection_time", |builder, time| builder.ejection_time(time, Duration::MAX)),
        ("ejection_time", |builder, time| builder.ejection_time(Duration::from_nanos(1), time)),
        ("slow_start", Builder::slow_start),
    ];
    let counts: [SetCount<Builder>; 4] = [
        ("min_requests", |builder, count| {
            builder.ejection_by_share(Duration::from_secs(1), count as u64, 0.7)
        }),
        ("ejection_in_a_row", |builder, count| {
            builder.ejection_in_a_row(count.min(u32::MAX as usize) as u32)
        }),
        ("max_retries", Builder::max_retries),
        ("retry_budget", |builder, count| builder.retry_budget(1.0, count.min(u32::MAX as usize) as u32)),
    ];
    let clock = ManualClock::new();
    let uses = |balancer: Balancer<usize>| {
        balancer.insert(3, f64::MAX).unwrap();
        balancer.insert(4, f64::MIN_POSITIVE).unwrap();
        for request in 0..300 {
            let pick = balancer.pick().unwrap();
            clock.advance(Duration::from_millis(10));
            match request % 5 {
                0 => pick.failure(),
                1 => pick.overloaded(TIMES.get(request % 7).copied()),
                2 => drop(pick),
                _ => pick.success(),
            }
            let stats = balancer.stats();
            assert!(stats.iter().all(|stats| stats.latency < Duration::from_secs(10)), "{stats:?}");
        }
        balancer.observe(&mut Reads);
        let failed = balancer.run(|_| std::future::ready(Err::<(), _>("no")));
        assert!(futures_util::FutureExt::now_or_never(failed).unwrap().is_err());
    };
    let builder = || Balancer::builder(0..3_usize).clock(Arc::new(clock.clone()));
    for (setting, set) in times {
        for time in TIMES {
            refused_or_right(setting, time, set(builder(), time).build(), uses);
        }
    }
    for (setting, set) in counts {
        for count in COUNTS {
            refused_or_right(setting, count, set(builder(), count).build(), uses);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn health_checks() {
    for time in TIMES {
        let balancer = Balancer::new([1]).unwrap();
        for (every, timeout) in [(time, Duration::from_secs(1)), (Duration::from_secs(1), time)] {
            let checks = balancer.health_check(every, timeout, |_| async { true });
            let Ok(checks) = checks else {
                assert!(time.is_zero());
                continue;
            };
            let checks = tokio::time::timeout(Duration::from_millis(50), checks).await;
            assert!(checks.is_err(), "it goes on: {time:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waits_of_limits() {
    for time in &TIMES[1..] {
        let limit = Limit::builder(1).max_wait(*time).build().unwrap();
        let held = limit.acquire().await.unwrap();
        let waits = tokio::time::timeout(Duration::from_millis(50), limit.acquire_many(usize::MAX));
        assert_eq!(waits.await.is_err(), *time > Duration::from_secs(1), "{time:?}");
        drop(held);
        assert_eq!(limit.acquire_many(usize::MAX).await.unwrap().weight(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn batchers() {
    type Builder = perfect21_concurrency::batch::BatcherBuilder<u64, u64, Infallible>;
    let counts: [SetCount<Builder>; 5] = [
        ("max_size", Builder::max_size),
        ("max_in_flight", Builder::max_in_flight),
        ("max_waiting", Builder::max_waiting),
        ("max_keys", Builder::max_keys),
        ("weight", |builder, weight| builder.weight(weight as u64, |_| u64::MAX)),
    ];
    let builder = || Batcher::builder(|items: Vec<u64>| std::future::ready(Ok::<_, Infallible>(items)));
    for (setting, set) in counts {
        for count in COUNTS {
            match set(builder(), count).build() {
                Ok(batcher) => assert_eq!(batcher.submit(7).await.unwrap(), 7, "{setting} = {count}"),
                Err(error) => refused_or_right::<()>(setting, count, Err(error), |()| ()),
            }
        }
    }
    for time in TIMES {
        let batcher = builder().max_wait(time).max_size(2).build().unwrap();
        let both = async { tokio::join!(batcher.submit(1), batcher.submit(2)) };
        let (one, other) = tokio::time::timeout(Duration::from_secs(1), both).await.unwrap();
        assert_eq!((one.unwrap(), other.unwrap()), (1, 2), "{time:?}");
        let alone = tokio::time::timeout(Duration::from_secs(1), batcher.submit(3)).await;
        assert_eq!(alone.is_err(), time > Duration::from_secs(1), "{time:?}");
    }
}

#[tokio::test]
async fn pools() {
    type Builder = perfect21_concurrency::pool::ThreadPoolBuilder;
    let times: [SetTime<Builder>; 2] =
        [("grow_after", Builder::grow_after), ("keep_alive", Builder::keep_alive)];
    let uses = async |pool: ThreadPool, deadline: Duration| {
        // All threads are busy at first, so that jobs wait for one more.
        let (go, waits) = std::sync::mpsc::channel::<()>();
        let blocked = pool.try_submit(move || waits.recv().is_err()).unwrap();
        let jobs: Vec<_> = (0..20).filter_map(|job| pool.try_submit(move || job).ok()).collect();
        pool.tick();
        drop(go);
        assert!(blocked.await.unwrap());
        for job in jobs {
            assert!(job.await.unwrap() < 20);
        }
        let left = pool.shutdown(deadline).await;
        assert_eq!((left.queued, left.running), (0, 0));
    };
    for (_, set) in times {
        for time in TIMES {
            uses(set(ThreadPool::builder(4), time).build().unwrap(), Duration::MAX).await;
        }
    }
    let counts: [SetCount<Builder>; 2] =
        [("min_threads", Builder::min_threads), ("max_queue", Builder::max_queue)];
    for (setting, set) in counts {
        for count in COUNTS {
            match set(ThreadPool::builder(4), count).build() {
                Ok(pool) => uses(pool, Duration::MAX).await,
                Err(error) => refused_or_right::<()>(setting, count, Err(error), |()| ()),
            }
        }
    }
    for count in COUNTS {
        refused_or_right("max_threads", count, ThreadPool::new(count), |_| ());
        refused_or_right("threads", count, ThreadPool::new(4).unwrap().resize(count, 1), |()| ());
    }
    for deadline in TIMES {
        let pool = ThreadPool::new(1).unwrap();
        pool.run(|| ()).await.unwrap();
        let _ = pool.shutdown(deadline).await;
    }
}

#[cfg(feature = "rayon")]
#[tokio::test]
async fn executors() {
    use perfect21_concurrency::{Executor, Sizing, executor::ExecutorError};
    for deadline in TIMES {
        let executor = Executor::builder().sizing(Sizing::for_cores(1.0)).build().unwrap();
        assert_eq!(executor.cpu(|| 7).await.unwrap(), 7);
        let _ = executor.shutdown(deadline).await;
    }
    for count in COUNTS {
        let built = Executor::builder().sizing(Sizing::for_cores(1.0)).max_cpu_queue(count).build();
        match built {
            Ok(executor) => assert_eq!(executor.cpu(|| 7).await.unwrap(), 7),
            Err(ExecutorError::Config(error)) => {
                refused_or_right::<()>("max_cpu_queue", count, Err(error), |()| ());
            }
            Err(error) => unreachable!("{error}"),
        }
    }
    for cores in [f64::NAN, f64::NEG_INFINITY, 0.0, f64::INFINITY] {
        let sizing = Sizing::for_cores(cores);
        assert!(sizing.async_workers() >= 1 && sizing.blocking_threads() <= 4_000_000);
    }
}

#[tokio::test]
async fn gathers() {
    for limit in COUNTS {
        match gather([std::future::ready(7)], limit) {
            Ok(gather) => assert_eq!(gather.all().await, [Ok(7)]),
            Err(error) => refused_or_right::<()>("limit", limit, Err(error), |()| ()),
        }
    }
}

#[cfg(feature = "http")]
#[tokio::test]
async fn http_layers() {
    use axum::{body::Body, http::Request, routing::get};
    use tower::ServiceExt as _;
    for time in TIMES {
        let limit = Limit::builder(1).max_queue(0).build().unwrap();
        let app: axum::Router =
            axum::Router::new().route("/", get(async || "hello")).layer(limit.http_layer().retry_after(time));
        let _held = limit.try_acquire().unwrap();
        let refused = app.oneshot(Request::new(Body::empty())).await.unwrap();
        let says: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert_eq!(says, time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)));
    }
}
