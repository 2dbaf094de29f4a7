//! Limits that find themselves, on time that a test moves.

use perfect21_concurrency::{
    Algorithm, Limit, ManualClock,
    limit::{Aimd, Elastic, Fixed, Gradient2, LimitBuilder, Outcome, Vegas, Window},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::{sleep, timeout};

const MS: Duration = Duration::from_millis(1);

/// Answers with the limit of the last window and keeps it.
#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Window>>>);

impl Algorithm for Recorder {
    fn on_window(&mut self, window: &Window) -> usize {
        self.0.lock().unwrap().push(*window);
        window.limit + 1
    }
}

fn recorded(limit: usize) -> (Limit, Recorder, ManualClock) {
    let (recorder, clock) = (Recorder::default(), ManualClock::new());
    let builder = Limit::builder(limit).algorithm(recorder.clone()).clock(clock.clone());
    (builder.max_queue(0).min_samples(10).build().unwrap(), recorder, clock)
}

#[test]
fn a_window_holds_what_happened() {
    let (limit, recorder, clock) = recorded(4);
    for call in 0..20 {
        let permits: Vec<_> = (0..2).map(|_| limit.try_acquire().unwrap()).collect();
        clock.advance(10 * MS);
        for permit in permits {
            match call % 4 {
                0 => permit.overload(),
                1 => permit.ignore(),
                _ => permit.success(),
            }
        }
    }
    let windows = recorder.0.lock().unwrap().clone();
    let first = windows[0];
    assert_eq!((first.limit, first.duration, first.peak), (4, 110 * MS, 2), "{first:?}");
    assert_eq!((first.completed, first.overloaded, first.samples), (9, 6, 9), "{first:?}");
    assert_eq!((first.latency, first.min_latency), (10 * MS, 10 * MS));
    assert!((first.throughput() - 9.0 / 0.11).abs() < 1e-6 && (first.overload_share() - 0.4).abs() < 1e-9);
    assert!(!first.was_hit());
    assert_eq!(limit.stats().limit, 4, "nobody hit it, so it does not grow, whatever the algorithm says");
}

#[test]
fn a_limit_that_is_hit_may_grow_and_is_asked_once_a_window() {
    let (limit, recorder, clock) = recorded(1);
    for _ in 0..30 {
        let permit = limit.try_acquire().unwrap();
        if limit.stats().limit == 1 {
            assert!(limit.try_acquire().is_none());
        }
        clock.advance(10 * MS);
        permit.success();
    }
    assert_eq!(recorder.0.lock().unwrap().len(), 3, "one in 100 ms");
    assert_eq!((limit.stats().limit, limit.stats().changes), (2, 1));
}

#[test]
fn what_takes_longer_than_the_ceiling_is_overload() {
    let (recorder, clock) = (Recorder::default(), ManualClock::new());
    let builder = Limit::builder(4).algorithm(recorder.clone()).clock(clock.clone());
    let limit = builder.min_samples(10).ceiling(50 * MS).build().unwrap();
    for call in 0..10 {
        let permit = limit.try_acquire().unwrap();
        clock.advance(if call % 2 == 0 { 60 * MS } else { 40 * MS });
        permit.success();
    }
    let window = recorder.0.lock().unwrap()[0];
    assert_eq!((window.completed, window.overloaded), (5, 5));
}

/// Netflix/concurrency-limits#137: latencies are flat, since every call ends at its timeout.
#[tokio::test(start_paused = true)]
async fn a_stable_timeout_drives_every_limit_down() {
    let adaptive: [fn(LimitBuilder) -> LimitBuilder; 4] = [
        |builder| builder.algorithm(Elastic::new()),
        |builder| builder.algorithm(Aimd::new()),
        |builder| builder.algorithm(Vegas::new()),
        |builder| builder.algorithm(Gradient2::new()),
    ];
    for with in adaptive {
        let limit =
            with(Limit::builder(50).max_queue(1000)).max_wait(Duration::from_secs(3600)).build().unwrap();
        let callers: Vec<_> = (0..100)
            .map(|_| {
                let limit = limit.clone();
                tokio::spawn(async move {
                    loop {
                        let call =
                            async { timeout(Duration::from_secs(1), std::future::pending::<()>()).await };
                        assert!(limit.run_with(call, Outcome::of).await.unwrap().is_err());
                    }
                })
            })
            .collect();
        sleep(Duration::from_secs(3000)).await;
        let stats = limit.stats();
        assert!(stats.limit <= 2, "{limit:?}");
        callers.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Calls that time out after 5 s, and a server that is well again after a minute.
#[tokio::test(start_paused = true)]
async fn elastic_falls_in_30_s_of_timeouts_and_is_back_in_10() {
    let limit =
        Limit::adaptive().initial(100).max_queue(1000).max_wait(Duration::from_secs(3600)).build().unwrap();
    let is_well = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let (limit, is_well) = (limit.clone(), is_well.clone());
            tokio::spawn(async move {
                loop {
                    let answer = async {
                        match is_well.load(SeqCst) {
                            0 => std::future::pending().await,
                            _ => sleep(10 * MS).await,
                        }
                    };
                    let call = async { timeout(Duration::from_secs(5), answer).await };
                    let _ = limit.run_with(call, Outcome::of).await.unwrap();
                }
            })
        })
        .collect();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(limit.stats().limit, 1, "{limit:?}");
    sleep(Duration::from_secs(30)).await;
    is_well.store(1, SeqCst);
    sleep(Duration::from_secs(10)).await;
    assert!(limit.stats().limit >= 100, "{limit:?}");
    callers.iter().for_each(tokio::task::JoinHandle::abort);
}

/// And it comes back when the server does.
#[tokio::test(start_paused = true)]
async fn elastic_recovers_from_one() {
    let limit =
        Limit::adaptive().initial(1).max_queue(1000).max_wait(Duration::from_secs(3600)).build().unwrap();
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let limit = limit.clone();
            tokio::spawn(async move {
                loop {
                    // From when it may begin, not from when it asks.
                    limit.run(async { sleep(10 * MS).await }).await.unwrap();
                }
            })
        })
        .collect();
    sleep(Duration::from_secs(20)).await;
    // Every one more serves more, up to all callers.
    assert!(limit.stats().limit >= 150, "{limit:?}");
    callers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_says_nothing() {
    let recorder = Recorder::default();
    let limit = Limit::builder(100).algorithm(recorder.clone()).min_samples(10).build().unwrap();
    for _ in 0..100 {
        let call = limit.run(sleep(Duration::from_secs(60)));
        assert!(timeout(10 * MS, call).await.is_err());
    }
    assert_eq!((recorder.0.lock().unwrap().len(), limit.stats().in_flight), (0, 0));
}

#[test]
fn changes_are_told_by_whoever_brings_them_about() {
    let last = Arc::new(AtomicUsize::new(0));
    let (told, clock) = (last.clone(), ManualClock::new());
    let limit = Limit::builder(10)
        .algorithm(Aimd::new())
        .clock(clock.clone())
        .on_change(move |change| told.store(change.to, SeqCst))
        .build()
        .unwrap();
    for _ in 0..100 {
        let permit = limit.try_acquire().unwrap();
        clock.advance(10 * MS);
        permit.overload();
    }
    assert!(last.load(SeqCst) < 10);
    assert_eq!(last.load(SeqCst), limit.stats().limit);
}

#[test]
fn fixed_stays() {
    let (clock, window) = (ManualClock::new(), Window::new(40, Duration::from_secs(1)));
    assert_eq!(Fixed.on_window(&window), 40);
    let limit = Limit::builder(3).algorithm(Fixed).clock(clock.clone()).build().unwrap();
    for _ in 0..100 {
        let permit = limit.try_acquire().unwrap();
        clock.advance(10 * MS);
        permit.overload();
    }
    assert_eq!(limit.stats().limit, 3);
}

#[test]
fn bounds_hold_and_are_checked() {
    let clock = ManualClock::new();
    let bounded = Limit::builder(10).algorithm(Aimd::new()).min_limit(8).clock(clock.clone());
    let limit = bounded.build().unwrap();
    for _ in 0..1000 {
        let permit = limit.try_acquire().unwrap();
        clock.advance(10 * MS);
        permit.overload();
    }
    assert_eq!(limit.stats().limit, 8);
    for (builder, message) in [
        (Limit::adaptive().min_limit(0), "min_limit = 0"),
        (Limit::adaptive().min_limit(21), "min_limit = 21"),
        (Limit::adaptive().max_limit(19), "max_limit = 19"),
        (Limit::adaptive().window(Duration::ZERO), "window = 0ns: must be at least 1ms"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    assert!(Limit::builder(5000).algorithm(Vegas::new()).build().is_ok());
}
