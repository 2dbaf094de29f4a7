//! Each request is measured once, in the right series, and those that never end are counted too.
#![cfg(feature = "timing")]

use futures_util::future::poll_immediate;
use http::{Method, Request, Response};
use perfect21_core::ManualClock;
use perfect21_http_perf::{
    Timing,
    timing::{SeriesStats, TimingBuilder, TimingLayer},
};
use perfect21_test_support::events::Events;
use std::{io, sync::Arc, time::Duration};
use tower::{Layer, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

/// A timing on a manual clock, around a service that takes as many milliseconds as its path says.
struct Rig {
    timing: Timing,
    clock: ManualClock,
}

impl Rig {
    fn new(settings: impl FnOnce(TimingBuilder) -> TimingBuilder) -> Self {
        let clock = ManualClock::new();
        let timing = settings(Timing::builder().clock(Arc::new(clock.clone()))).build().unwrap();
        Self { timing, clock }
    }

    async fn send(&self, method: Method, path: &str) -> io::Result<Response<String>> {
        let clock = self.clock.clone();
        let service = self.timing.layer().layer(service_fn(move |request: Request<()>| {
            let path = request.uri().path()[1..].to_owned();
            let clock = clock.clone();
            async move {
                match &*path {
                    "never" => std::future::pending().await,
                    "fails" => Err(io::Error::other("down")),
                    millis => {
                        clock.advance(MS * millis.parse().unwrap());
                        let own = ("server-timing", "db;dur=1");
                        Ok(Response::builder().status(201).header(own.0, own.1).body(path).unwrap())
                    }
                }
            }
        }));
        service.oneshot(Request::builder().method(method).uri(path).body(()).unwrap()).await
    }

    fn series(&self) -> Vec<SeriesStats> {
        self.timing.stats().series
    }
}

#[test]
fn handles_are_shared_between_threads() {
    fn is_handle<T: Clone + Send + Sync + 'static>() {}
    is_handle::<Timing>();
    is_handle::<TimingLayer>();
}

#[tokio::test]
async fn headers_are_added_as_wanted_and_nothing_is_replaced() {
    for (process_time, server_timing) in [(true, true), (false, true), (true, false), (false, false)] {
        let rig = Rig::new(|builder| builder.process_time(process_time).server_timing(server_timing));
        let response = rig.send(Method::GET, "/12").await.unwrap();
        let all =
            |name| response.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
        let (own, times): (Vec<_>, Vec<_>) = (all("x-process-time"), all("server-timing"));
        assert_eq!(own, if process_time { vec!["0.012000"] } else { vec![] });
        assert_eq!(times, if server_timing { vec!["db;dur=1", "app;dur=12.000"] } else { vec!["db;dur=1"] });
    }
}

#[tokio::test]
async fn answers_errors_and_cancelled_requests_are_counted_apart() {
    let rig = Rig::new(|builder| builder);
    rig.send(Method::GET, "/1").await.unwrap();
    rig.send(Method::GET, "/3").await.unwrap();
    rig.send(Method::GET, "/fails").await.unwrap_err();
    let mut left = Box::pin(rig.send(Method::GET, "/never"));
    assert!(poll_immediate(&mut left).await.is_none());
    assert_eq!(rig.series()[0].cancelled, 0, "it may still come");
    drop(left);
    rig.send(Method::POST, "/1").await.unwrap();
    rig.send(Method::from_bytes(b"BREW").unwrap(), "/1").await.unwrap();

    let series = rig.series();
    let names: Vec<_> = series.iter().map(|series| (series.method, &*series.route)).collect();
    assert_eq!(names, [("GET", "unmatched"), ("POST", "unmatched"), ("other", "unmatched")]);
    let get = &series[0];
    assert_eq!((get.statuses, get.failed, get.cancelled), ([0, 2, 0, 0, 0, 0], 1, 1));
    assert_eq!(get.latency.count(), 3);
    let longest = get.latency.quantile(1.0).unwrap().as_secs_f64();
    assert!((longest / 0.003 - 1.0).abs() < 0.008, "{longest}");
}

#[tokio::test]
async fn slow_requests_are_counted_and_one_a_second_is_logged() {
    let events = Events::of("perfect21");
    let rig = Rig::new(|builder| builder.slow(MS * 100));
    rig.send(Method::GET, "/99").await.unwrap();
    assert!(events.take().is_empty());
    for _ in 0..9 {
        rig.send(Method::GET, "/100").await.unwrap();
    }
    assert_eq!(events.take().len(), 1);
    rig.clock.advance(MS * 200);
    rig.send(Method::GET, "/100").await.unwrap();
    let seen = events.take();
    assert_eq!((seen.len(), seen[0].get("left_out")), (1, Some("8")));
    assert_eq!(rig.series()[0].slow, 10);

    let mut left = Box::pin(rig.send(Method::GET, "/never"));
    assert!(poll_immediate(&mut left).await.is_none());
    rig.clock.advance(MS * 2000);
    drop(left);
    assert_eq!((events.take().len(), rig.series()[0].slow), (1, 11), "a client that gave up waited long too");
}

#[test]
fn a_refused_setting_is_named() {
    let error = Timing::builder().max_series(0).build().unwrap_err();
    assert_eq!(error.to_string(), "max_series = 0: must be at least 1");
    let error = Timing::builder().slow(Duration::ZERO).build().unwrap_err();
    assert_eq!(error.to_string(), "slow = 0ns: must be above zero");
}

#[cfg(feature = "axum")]
mod routes {
    use super::*;
    use axum::{Router, body::Body, routing::get};

    async fn send(app: &Router, method: &str, path: &str) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap();
    }

    #[tokio::test]
    async fn series_are_routes_not_paths() {
        let timing = Timing::builder().build().unwrap();
        let app = Router::new()
            .route("/users/{id}", get(|| async { "user" }).post(|| async { "made" }))
            .route("/health", get(|| async { "well" }))
            .layer(timing.layer());
        for id in 0..20 {
            send(&app, "GET", &format!("/users/{id}")).await;
        }
        for (method, path) in
            [("POST", "/users/1"), ("GET", "/health"), ("GET", "/nothing"), ("PUT", "/health")]
        {
            send(&app, method, path).await;
        }
        let stats = timing.stats();
        let counts: Vec<_> = stats
            .series
            .iter()
            .map(|series| (series.method, &*series.route, series.latency.count()))
            .collect();
        assert_eq!(
            counts,
            [
                ("GET", "/health", 1),
                ("PUT", "/health", 1),
                ("GET", "/users/{id}", 20),
                ("POST", "/users/{id}", 1),
                ("GET", "unmatched", 1),
            ]
        );
        assert_eq!(stats.series[1].statuses, [0, 0, 0, 1, 0, 0], "405");
    }

    #[tokio::test]
    async fn series_are_bounded() {
        let timing = Timing::builder().max_series(3).build().unwrap();
        let mut app = Router::new();
        for i in 0..10 {
            app = app.route(&format!("/{i}"), get(|| async {}));
        }
        let app = app.layer(timing.layer());
        for _ in 0..2 {
            for i in 0..10 {
                send(&app, "GET", &format!("/{i}")).await;
            }
        }
        let stats = timing.stats();
        let counts: Vec<_> =
            stats.series.iter().map(|series| (&*series.route, series.latency.count())).collect();
        assert_eq!(counts, [("/0", 2), ("/1", 2), ("/2", 2), ("other", 14)]);
    }
}
