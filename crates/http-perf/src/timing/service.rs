//! The layer, its service, and the future of an answer.

use super::{Shared, header, series::Series};
use http::{HeaderName, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tower_layer::Layer;
use tower_service::Service;

const X_PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Measures the requests of a service; made by [`Timing::layer`](super::Timing::layer).
#[derive(Debug, Clone)]
pub struct TimingLayer {
    pub(super) shared: Arc<Shared>,
}

impl<S> Layer<S> for TimingLayer {
    type Service = TimingService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TimingService { inner, shared: Arc::clone(&self.shared) }
    }
}

/// A service whose requests are measured.
#[derive(Debug, Clone)]
pub struct TimingService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, Q, B> Service<Request<Q>> for TimingService<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TimingFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let series = self.shared.series.of(&request);
        let shared = Arc::clone(&self.shared);
        let measured = Measured { began: shared.clock.now(), shared, series, answered: false };
        TimingFuture { measured, inner: self.inner.call(request) }
    }
}

pin_project! {
    /// The answer of a [`TimingService`]; dropped before it is ready, it counts as cancelled.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct TimingFuture<F> {
        #[pin]
        inner: F,
        measured: Measured,
    }
}

impl<F, B, E> Future for TimingFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut answer = ready!(this.inner.poll(context));
        let took = this.measured.end(answer.as_ref().ok().map(Response::status));
        if let Ok(response) = &mut answer {
            let headers = response.headers_mut();
            if this.measured.shared.process_time {
                headers.insert(X_PROCESS_TIME, header::process_time(took));
            }
            if this.measured.shared.server_timing {
                headers.append(SERVER_TIMING, header::server_timing(took));
            }
        }
        Poll::Ready(answer)
    }
}

#[derive(Debug)]
struct Measured {
    shared: Arc<Shared>,
    series: Arc<Series>,
    began: Instant,
    answered: bool,
}

impl Measured {
    fn end(&mut self, status: Option<StatusCode>) -> Duration {
        self.answered = true;
        let now = self.shared.clock.now();
        let took = now.saturating_duration_since(self.began);
        self.series.answered(status, took);
        self.check_slow(took, status, now);
        took
    }

    fn check_slow(&self, took: Duration, status: Option<StatusCode>, now: Instant) {
        if took >= self.shared.slow {
            self.series.slow();
            self.shared.slow_log.report(&self.series, took, status.map(|status| status.as_u16()), now);
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        if !self.answered {
            self.series.cancelled();
            // A client that gave up after a long wait is no less a sign than one that got its answer.
            let now = self.shared.clock.now();
            self.check_slow(now.saturating_duration_since(self.began), None, now);
        }
    }
}
