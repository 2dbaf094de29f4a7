//! Requests for one page at the same time: one call where that helps, no waiting where it does not.
#![cfg(feature = "response-cache")]

use crate::support::{self, DEADLINE, FRESH, Site, get, page, until};
use futures_util::future::{join_all, poll_immediate};
use perfect21_http_perf::{ResponseCache, response_cache::Refusal};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tower::{Layer, Service, ServiceExt};

const MS: Duration = Duration::from_millis(1);

/// Takes 200 ms of virtual time for each call.
fn slow(header: (&'static str, &'static str)) -> Site {
    Site::new(move |_, call| async move {
        sleep(200 * MS).await;
        page(&[header], call.to_string())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_at_once_are_one_call() {
    let gate = Arc::new(Notify::new());
    let open = Arc::clone(&gate);
    let site = Site::new(move |_, call| {
        let gate = Arc::clone(&gate);
        async move {
            gate.notified().await;
            page(&[FRESH], call.to_string())
        }
    });
    let mut tasks = JoinSet::new();
    for _ in 0..200 {
        let site = site.clone();
        tasks.spawn(async move { site.get("/").await });
    }
    until("the first call", || site.calls() > 0).await;
    open.notify_one();
    let answers = timeout(DEADLINE, tasks.join_all()).await.expect("all are answered");
    assert!(answers.iter().all(|answer| answer.body == "1"));
    let stats = site.cache.stats();
    assert_eq!((site.calls(), stats.misses, stats.hits), (1, 1, 199), "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn two_hundred_at_once_take_as_long_as_one() {
    let site = slow(FRESH);
    let began = Instant::now();
    let answers = join_all((0..200).map(|_| site.get("/"))).await;
    assert_eq!((site.calls(), began.elapsed()), (1, 200 * MS));
    assert_eq!(answers.iter().filter(|answer| answer.shown() == ("HIT", "1")).count(), 199);
    assert_eq!(site.cache.stats().coalesced, 199);
}

#[tokio::test(start_paused = true)]
async fn other_pages_and_other_encodings_do_not_wait() {
    let site = slow(FRESH);
    let began = Instant::now();
    let other = site.send(get("/", &[("accept-encoding", "gzip")]));
    tokio::join!(site.get("/"), site.get("/other"), other);
    assert_eq!((site.calls(), began.elapsed()), (3, 200 * MS));
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_not_storable_are_not_serialised() {
    let site = slow(("cache-control", "no-store"));
    let began = Instant::now();
    join_all((0..50).map(|_| site.get("/"))).await;
    assert_eq!((site.calls(), began.elapsed()), (50, 400 * MS), "one finds out, then all at once");
    let began = Instant::now();
    join_all((0..50).map(|_| site.get("/"))).await;
    assert_eq!((site.calls(), began.elapsed()), (100, 200 * MS), "for a while nobody waits");

    site.clock.advance(Duration::from_secs(10));
    let began = Instant::now();
    join_all((0..50).map(|_| site.get("/"))).await;
    assert_eq!(began.elapsed(), 400 * MS, "then one tries again");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_becomes_storable_is_waited_for_again() {
    let site = Site::new(async |_, call| {
        sleep(200 * MS).await;
        let header = if call == 1 { ("cache-control", "no-store") } else { FRESH };
        page(&[header], call.to_string())
    });
    assert_eq!(site.get("/").await.shown(), ("MISS", "1"));
    assert_eq!(site.get("/").await.shown(), ("MISS", "2"));
    assert_eq!(site.get("/").await.shown(), ("HIT", "2"));
    site.clock.advance(Duration::from_secs(61));
    join_all((0..50).map(|_| site.get("/"))).await;
    assert_eq!(site.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_leaves_hands_over() {
    let site = slow(FRESH);
    let mut leader = Box::pin(site.get("/"));
    assert!(poll_immediate(&mut leader).await.is_none());
    let mut waiters = JoinSet::new();
    for _ in 0..20 {
        let site = site.clone();
        waiters.spawn(async move { site.get("/").await });
    }
    sleep(100 * MS).await;
    assert_eq!(site.calls(), 1);
    drop(leader);
    let answers = waiters.join_all().await;
    assert!(answers.iter().all(|answer| answer.body == "2"));
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_looks_once_more() {
    let site = slow(FRESH);
    let mut leader = Box::pin(site.get("/"));
    assert!(poll_immediate(&mut leader).await.is_none());
    let mut waiter = Box::pin(site.get("/"));
    assert!(poll_immediate(&mut waiter).await.is_none());
    // The leader and the one who waits are not polled meanwhile.
    assert_eq!(site.send(get("/", &[("cache-control", "no-cache")])).await.shown(), ("MISS", "2"));
    drop(leader);
    assert_eq!(waiter.await.shown(), ("HIT", "2"));
    assert_eq!(site.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_leaves_nothing_behind() {
    let site = slow(FRESH);
    let mut leader = Box::pin(site.get("/"));
    assert!(poll_immediate(&mut leader).await.is_none());
    let mut waiter = Box::pin(site.get("/"));
    assert!(poll_immediate(&mut waiter).await.is_none());
    drop(waiter);
    assert_eq!(leader.await.body, "1");
    assert_eq!(site.get("/").await.shown(), ("HIT", "1"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_client_leaves_in_the_body_hands_over() {
    let site = Site::new(async |_, call| {
        let chunks = futures_util::stream::unfold(0, move |sent| async move {
            (sent < 3).then_some(())?;
            sleep(100 * MS).await;
            Some((Ok::<_, std::io::Error>(format!("{call}.{sent} ")), sent + 1))
        });
        page(&[FRESH], axum::body::Body::from_stream(chunks))
    });
    let response = site.open(get("/", &[])).await;
    let waiters = tokio::spawn({
        let site = site.clone();
        async move { join_all((0..20).map(|_| site.get("/"))).await }
    });
    sleep(50 * MS).await;
    drop(response);
    let answers = waiters.await.unwrap();
    assert!(answers.iter().all(|answer| answer.body == "2.0 2.1 2.2 "));
    assert_eq!(site.calls(), 2);
    assert_eq!(site.cache.stats().refused(Refusal::ClientLeft), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_max_wait() {
    let cache = ResponseCache::builder().max_wait(Duration::from_secs(2)).build().unwrap();
    let site = Site::with(cache, Default::default(), async |_, call| {
        if call == 1 {
            std::future::pending::<()>().await;
        }
        page(&[FRESH], call.to_string())
    });
    let mut stuck = Box::pin(site.get("/"));
    assert!(poll_immediate(&mut stuck).await.is_none());
    let began = Instant::now();
    assert_eq!(site.get("/").await.shown(), ("MISS", "2"));
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_eq!(site.get("/").await.shown(), ("HIT", "2"), "what it got is there for all");
    assert_eq!(site.cache.stats().gave_up_waiting, 1);
}

#[tokio::test(start_paused = true)]
async fn conditional_requests_never_lead() {
    let site = slow(FRESH);
    let began = Instant::now();
    let conditional = site.send(get("/", &[("if-none-match", "\"a\"")]));
    let (_, answer) = tokio::join!(conditional, site.get("/"));
    assert_eq!((answer.shown(), began.elapsed()), (("MISS", "2"), 200 * MS));
}

/// Fails each call after 200 ms of virtual time.
#[derive(Clone, Default)]
struct Failing(Arc<AtomicUsize>);

impl Service<http::Request<axum::body::Body>> for Failing {
    type Response = http::Response<axum::body::Body>;
    type Error = &'static str;
    type Future = support::BoxFuture<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<axum::body::Body>) -> Self::Future {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            sleep(200 * MS).await;
            Err("down")
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_is_not_asked_one_after_the_other() {
    let calls = Failing::default();
    let cache = ResponseCache::builder().build().unwrap();
    let service = cache.layer().layer(calls.clone());
    let began = Instant::now();
    let answers = join_all((0..20).map(|_| service.clone().oneshot(get("/", &[])))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err("down"))));
    assert_eq!((calls.0.load(Ordering::SeqCst), began.elapsed()), (20, 400 * MS));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_hands_over() {
    let site = Site::new(async |_, call| {
        sleep(200 * MS).await;
        assert_ne!(call, 1, "the first call panics");
        page(&[FRESH], call.to_string())
    });
    let first = tokio::spawn({
        let site = site.clone();
        async move { site.get("/").await }
    });
    sleep(100 * MS).await;
    assert_eq!(site.get("/").await.body, "2");
    assert!(first.await.unwrap_err().is_panic());
}
