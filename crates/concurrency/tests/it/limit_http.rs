//! The layer before an HTTP service: its refusals, what it learns, and how long it holds a place.
#![cfg(feature = "http")]

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, Response, StatusCode},
    routing::get,
};
use perfect21_concurrency::{
    Limit, ManualClock, Rejected,
    limit::{Aimd, HttpLimitLayer},
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::mpsc;
use tower::{Layer, Service, ServiceExt, service_fn};

fn request() -> Request<Body> {
    Request::new(Body::empty())
}

#[tokio::test]
async fn axum_answers_rejections_with_503() {
    let limit = Limit::builder(1).max_queue(0).build().unwrap();
    let layer = limit.http_layer().retry_after(Duration::from_millis(1500));
    let app: Router = Router::new().route("/", get(async || "hello")).layer(layer);
    let answer = app.clone().oneshot(request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let held = limit.try_acquire().unwrap();
    let refused = app.clone().oneshot(request()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "2");
    assert_eq!(refused.extensions().get(), Some(&Rejected::QueueFull { max_queue: 0 }));
    drop(held);
    assert_eq!(app.oneshot(request()).await.unwrap().status(), StatusCode::OK);
}

/// A body of frames that a test sends one by one.
async fn streamed(
    limit: &Limit,
    hold: bool,
) -> (mpsc::UnboundedSender<Bytes>, Response<impl http_body::Body<Data = Bytes>>) {
    struct Frames(mpsc::UnboundedReceiver<Bytes>);
    impl http_body::Body for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(http_body::Frame::data(bytes))))
        }
    }
    impl Default for Frames {
        fn default() -> Self {
            Self(mpsc::unbounded_channel().1)
        }
    }
    let (sender, receiver) = mpsc::unbounded_channel();
    let body = Arc::new(Mutex::new(Some(Frames(receiver))));
    let inner = service_fn(move |()| {
        let body = body.lock().unwrap().take().unwrap_or_default();
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let mut service = limit.http_layer().hold_body(hold).layer(inner);
    (sender, service.ready().await.unwrap().call(()).await.unwrap())
}

async fn next(body: &mut (impl http_body::Body<Data = Bytes> + Unpin)) -> Option<Bytes> {
    let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx)).await;
    frame.map(|frame| frame.ok().unwrap().into_data().ok().unwrap())
}

#[tokio::test]
async fn the_place_is_free_at_the_head_by_default() {
    let limit = Limit::builder(1).max_queue(0).build().unwrap();
    let (_sender, answer) = streamed(&limit, false).await;
    assert_eq!(limit.stats().in_flight, 0);
    drop(answer);
}

#[tokio::test]
async fn the_place_is_held_to_the_end_of_the_body() {
    let limit = Limit::builder(1).max_queue(0).build().unwrap();
    let (sender, answer) = streamed(&limit, true).await;
    let mut body = Box::pin(answer.into_body());
    sender.send(Bytes::from_static(b"part")).unwrap();
    assert_eq!(next(&mut body).await.unwrap(), "part");
    assert_eq!(limit.stats().in_flight, 1, "the body goes on");
    drop(sender);
    assert_eq!(next(&mut body).await, None);
    assert_eq!(limit.stats().in_flight, 0);
}

#[tokio::test]
async fn a_dropped_body_frees_the_place() {
    let limit = Limit::builder(1).max_queue(0).build().unwrap();
    let (_sender, answer) = streamed(&limit, true).await;
    assert_eq!(limit.stats().in_flight, 1);
    drop(answer);
    assert_eq!(limit.stats().in_flight, 0);
}

#[tokio::test]
async fn statuses_that_say_too_busy_are_overload_and_other_failures_are_not() {
    for (status, lowers) in [(200, false), (404, false), (500, false), (429, true), (503, true), (504, true)]
    {
        let clock = ManualClock::new();
        let limit = Limit::builder(10).algorithm(Aimd::new()).clock(clock.clone()).build().unwrap();
        let inner = service_fn(move |()| async move {
            Ok::<_, Infallible>(Response::builder().status(status).body(Body::from("whole")).unwrap())
        });
        let layer: HttpLimitLayer = limit.http_layer().hold_body(true);
        let mut service = layer.layer(inner);
        for _ in 0..200 {
            let answer = service.ready().await.unwrap().call(()).await.unwrap();
            clock.advance(Duration::from_millis(10));
            axum::body::to_bytes(Body::new(answer.into_body()), 100).await.unwrap();
        }
        assert_eq!(limit.stats().in_flight, 0);
        assert_eq!(limit.stats().limit < 10, lowers, "{status}: {limit:?}");
    }
}
