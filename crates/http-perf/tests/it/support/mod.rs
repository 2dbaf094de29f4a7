//! A service that counts its calls, and requests in one line.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use perfect21_core::ManualClock;
use perfect21_http_perf::{ResponseCache, response_cache::ResponseCacheService};
use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tower::{Layer, ServiceExt, service_fn};

pub use perfect21_test_support::wait::DEADLINE;

pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
pub type Handler = Arc<dyn Fn(Request<Body>, usize) -> BoxFuture<Response<Body>> + Send + Sync>;

/// A handler behind a cache with a clock that stands still.
#[derive(Clone)]
pub struct Site {
    pub cache: ResponseCache,
    pub clock: ManualClock,
    calls: Arc<AtomicUsize>,
    handler: Handler,
}

impl Site {
    /// The handler gets each request and the number of the call, from 1.
    pub fn new<F>(handler: impl Fn(Request<Body>, usize) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let clock = ManualClock::new();
        let cache = ResponseCache::builder().clock(Arc::new(clock.clone())).build().unwrap();
        Self::with(cache, clock, handler)
    }

    pub fn with<F>(
        cache: ResponseCache,
        clock: ManualClock,
        handler: impl Fn(Request<Body>, usize) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |request, call| Box::pin(handler(request, call)));
        Self { cache, clock, calls: Arc::default(), handler }
    }

    /// Answers each call with its number and this header line.
    pub fn counting(header: (&'static str, &'static str)) -> Self {
        Self::new(move |_, call| async move { page(&[header], call.to_string()) })
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn service(
        &self,
    ) -> ResponseCacheService<
        impl tower::Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Infallible,
            Future = impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<>,
        > + Clone
        + Send
        + use<>,
    > {
        let (calls, handler) = (Arc::clone(&self.calls), Arc::clone(&self.handler));
        self.cache.layer().layer(service_fn(move |request| {
            let answer = handler(request, calls.fetch_add(1, Ordering::SeqCst) + 1);
            async move { Ok(answer.await) }
        }))
    }

    /// The head of the answer, with its body still to come.
    pub async fn open(
        &self,
        request: Request<Body>,
    ) -> Response<perfect21_http_perf::response_cache::CacheBody<Body>> {
        self.service().oneshot(request).await.unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.open(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(get(path, &[])).await
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// `X-Cache` and the body.
    pub fn shown(&self) -> (&str, &str) {
        (self.header("x-cache").unwrap(), &self.body)
    }
}

pub fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "shop.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

pub fn get(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    request(Method::GET, path, headers)
}

pub fn page(headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder();
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

pub const FRESH: (&str, &str) = ("cache-control", "max-age=60");

/// Waits for an event that some other task brings about.
pub async fn until(what: &str, happened: impl Fn() -> bool) {
    let waited = std::time::Instant::now();
    while !happened() {
        assert!(waited.elapsed() < DEADLINE, "did not happen: {what}");
        tokio::task::yield_now().await;
    }
}
