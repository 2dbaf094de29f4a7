//! The layers fit axum and plain tower services, and a hit leaves the service alone.
#![cfg(feature = "response-cache")]

use axum::{Router, http::header::CACHE_CONTROL, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use perfect21_core::{Observe, Trim};
use perfect21_http_perf::{ResponseCache, response_cache::ResponseCacheLayer};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tower::{Layer, Service, ServiceExt, service_fn};

#[test]
fn handles_are_shared_between_threads() {
    fn is_handle<T: Clone + Send + Sync + 'static>() {}
    is_handle::<ResponseCache>();
    is_handle::<ResponseCacheLayer>();
    fn is_part<T: Observe + Trim>() {}
    is_part::<ResponseCache>();
}

#[tokio::test]
async fn one_cache_serves_all_routes_of_an_axum_router() {
    let cache = ResponseCache::builder().build().unwrap();
    let page = || async { ([(CACHE_CONTROL, "max-age=60")], "page") };
    let app: Router = Router::new()
        .route("/a", get(page))
        .route("/b", get(page))
        .layer(cache.layer())
        .nest("/api", Router::new().route("/c", get(page)).route_layer(cache.layer()));
    for _ in 0..2 {
        for path in ["/a", "/b", "/api/c"] {
            let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
            assert_eq!(app.clone().oneshot(request).await.unwrap().status(), 200);
        }
    }
    assert_eq!((cache.stats().hits, cache.stats().misses), (3, 3));
}

#[tokio::test]
async fn a_plain_service_keeps_its_error_and_its_body() {
    let cache = ResponseCache::builder().build().unwrap();
    let mut service =
        cache.layer().layer(service_fn(async |request: Request<Empty<Bytes>>| match request.uri().path() {
            "/" => Ok(Response::builder()
                .header("cache-control", "max-age=60")
                .body(Full::from("page"))
                .unwrap()),
            _ => Err(io::Error::other("down")),
        }));
    let request = |uri| Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
    for expected in ["MISS", "HIT"] {
        let response = service.ready().await.unwrap().call(request("http://a/")).await.unwrap();
        assert_eq!(response.headers()["x-cache"], expected);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "page");
    }
    let error = service.ready().await.unwrap().call(request("http://a/down")).await.unwrap_err();
    assert_eq!(error.to_string(), "down");
}

/// Counts its clones and calls.
#[derive(Default)]
struct Counted(Arc<(AtomicUsize, AtomicUsize)>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

impl Service<Request<Empty<Bytes>>> for Counted {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = std::future::Ready<Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Empty<Bytes>>) -> Self::Future {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        let page = Response::builder().header("cache-control", "max-age=60").body(Full::from("page"));
        std::future::ready(Ok(page.unwrap()))
    }
}

#[tokio::test]
async fn a_hit_neither_calls_nor_clones_the_service() {
    let cache = ResponseCache::builder().build().unwrap();
    let counted = Counted::default();
    let counts = Arc::clone(&counted.0);
    let mut service = cache.layer().layer(counted);
    for _ in 0..10 {
        let request = Request::get("/").body(Empty::<Bytes>::new()).unwrap();
        service.ready().await.unwrap().call(request).await.unwrap();
    }
    assert_eq!((counts.0.load(Ordering::SeqCst), counts.1.load(Ordering::SeqCst)), (0, 1));
}
