//! The layer before a service: over a socket, with clones that are ready, and with a classifier.

use axum::{Router, error_handling::HandleErrorLayer, http::StatusCode, routing::get};
use perfect21_concurrency::{
    Limit, Limited, ManualClock, Rejected,
    limit::{Aimd, Outcome},
};
use perfect21_test_support::wait::DEADLINE;
use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

async fn ask(address: std::net::SocketAddr) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// One runs, one waits, and the third is refused with 503; then both others are answered.
#[tokio::test]
async fn over_a_socket() {
    let limit = Limit::builder(1).max_queue(1).max_wait(DEADLINE).build().unwrap();
    let go = Arc::new(Notify::new());
    let handler = {
        let go = go.clone();
        move || async move {
            go.notified().await;
            "served"
        }
    };
    let layers = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |error: Limited<Infallible>| {
            (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")], error.to_string())
        }))
        .layer(limit.layer());
    let app: Router = Router::new().route("/", get(handler)).layer(layers);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    let until = async |in_flight: usize, waiting: usize| {
        let reached = async {
            while (limit.stats().in_flight, limit.stats().waiting) != (in_flight, waiting) {
                tokio::task::yield_now().await;
            }
        };
        assert!(timeout(DEADLINE, reached).await.is_ok(), "{:?}", limit.stats());
    };
    let first = tokio::spawn(ask(address));
    until(1, 0).await;
    let second = tokio::spawn(ask(address));
    until(1, 1).await;
    let third = ask(address).await;
    assert!(third.starts_with("HTTP/1.1 503") && third.contains("retry-after: 1"), "{third}");
    assert!(third.ends_with("too busy: 1 are waiting already"), "{third}");
    for call in [first, second] {
        go.notify_one();
        let answer = timeout(DEADLINE, call).await.expect("it was let in").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("served"), "{answer}");
    }
    until(0, 0).await;
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn a_clone_that_is_ready_holds_no_place() {
    let limit = Limit::builder(1).max_queue(0).build().unwrap();
    let mut first = limit.layer().layer(service_fn(async |()| Ok::<_, Infallible>(7)));
    let mut second = first.clone();
    first.ready().await.unwrap();
    assert_eq!(limit.stats().in_flight, 0);
    assert_eq!(second.ready().await.unwrap().call(()).await, Ok(7));
    assert_eq!(first.call(()).await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn the_place_is_free_when_the_answer_is_there_and_not_when_its_future_is_dropped() {
    let limit = Limit::builder(1).max_queue(0).build().unwrap();
    let mut service = limit.layer().layer(service_fn(async |()| Ok::<_, Infallible>("head")));
    let mut call = Box::pin(service.ready().await.unwrap().call(()));
    assert_eq!(limit.stats().in_flight, 1);
    assert_eq!(call.as_mut().await, Ok("head"));
    assert_eq!(limit.stats().in_flight, 0);
    drop(call);
    assert_eq!(limit.stats().in_flight, 0);
}

#[tokio::test]
async fn errors_say_nothing_unless_a_classifier_says_otherwise() {
    let ends = async |classified: bool| {
        let clock = ManualClock::new();
        let limit = Limit::builder(10).algorithm(Aimd::new()).clock(clock.clone()).build().unwrap();
        let inner = service_fn(async |()| Err::<(), _>("no such user"));
        let layer = limit.layer();
        let mut plain = layer.clone().layer(inner);
        let mut told = layer.classify(Outcome::of).layer(inner);
        for _ in 0..100 {
            clock.advance(Duration::from_millis(10));
            let answer = match classified {
                true => told.ready().await.unwrap().call(()).await,
                false => plain.ready().await.unwrap().call(()).await,
            };
            assert_eq!(answer, Err(Limited::Inner("no such user")));
        }
        limit.stats().limit
    };
    assert_eq!(ends(false).await, 10);
    assert!(ends(true).await < 10);
}

#[test]
fn errors_say_each_thing_once() {
    let inner: Limited<std::io::Error> = Limited::Inner(std::io::Error::other("broken"));
    assert_eq!(inner.to_string(), "broken");
    let rejected: Limited<Infallible> = Limited::Rejected(Rejected::Displaced);
    assert_eq!(rejected.to_string(), Rejected::Displaced.to_string());
    assert!(std::error::Error::source(&rejected).is_none());
}

/// The inner service has a limit of its own, of which one route uses one place and a queued request
/// must use none.
#[tokio::test]
async fn a_queued_request_holds_nothing_of_the_inner_service() {
    let limit = Limit::builder(1).max_queue(10).max_wait(DEADLINE).build().unwrap();
    let (go, began) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let inner = {
        let (go, began) = (go.clone(), began.clone());
        service_fn(move |waits: bool| {
            let (go, began) = (go.clone(), began.clone());
            async move {
                if waits {
                    began.notify_one();
                    go.notified().await;
                }
                Ok::<_, Infallible>(7)
            }
        })
    };
    let inner = ServiceBuilder::new().concurrency_limit(2).service(inner);
    let limited = limit.layer().layer(inner.clone());
    let mut calls = Vec::new();
    for _ in 0..3 {
        let mut limited = limited.clone();
        calls.push(tokio::spawn(async move { limited.ready().await.unwrap().call(true).await }));
    }
    began.notified().await;
    let both_wait = async {
        while limit.stats().waiting < 2 {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(DEADLINE, both_wait).await.is_ok(), "{:?}", limit.stats());
    // One runs and two are queued: of the inner service's two places, one is free for another
    // route.
    let mut other_route = inner;
    let answer = timeout(DEADLINE, async { other_route.ready().await.unwrap().call(false).await }).await;
    assert_eq!(answer.expect("queued requests leave the inner service alone"), Ok(7));
    for _ in 0..3 {
        go.notify_one();
    }
    for call in calls {
        go.notify_one();
        assert_eq!(timeout(DEADLINE, call).await.unwrap().unwrap(), Ok(7));
    }
    assert_eq!((limit.stats().in_flight, limit.stats().waiting), (0, 0));
}

/// The inner service fails while it becomes ready for a request whose turn has come.
#[tokio::test]
async fn a_service_that_fails_to_become_ready_frees_the_place() {
    #[derive(Clone)]
    struct Breaks(bool);
    impl Service<()> for Breaks {
        type Response = ();
        type Error = &'static str;
        type Future = std::future::Pending<Result<(), &'static str>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(if self.0 { Err("broken") } else { Ok(()) })
        }

        fn call(&mut self, (): ()) -> Self::Future {
            std::future::pending()
        }
    }
    let limit = Limit::builder(1).max_queue(1).max_wait(DEADLINE).build().unwrap();
    let held = limit.try_acquire_owned().unwrap();
    let queued = limit.layer().layer(Breaks(true)).call(());
    drop(held);
    assert_eq!(timeout(DEADLINE, queued).await.unwrap(), Err(Limited::Inner("broken")));
    assert_eq!(limit.stats().in_flight, 0);
}
