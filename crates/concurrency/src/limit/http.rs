//! A limit in front of an HTTP service.

use super::{
    Classify, Limit, Outcome, OwnedPermit, Rejected,
    under::{Front, Under},
};
use http::{HeaderValue, Response, StatusCode, header::RETRY_AFTER};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// What `Retry-After` says, unless it is told otherwise.
const RETRY_AFTER_S: u64 = 1;

impl Limit {
    /// Makes a layer that puts the limit in front of an HTTP service and answers what it rejects
    /// with 503.
    ///
    /// The error type of the service stays as it is, so the layer fits axum's `Router::layer`:
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use perfect21_concurrency::Limit;
    ///
    /// let limit = Limit::adaptive().build()?;
    /// let app: Router = Router::new().route("/", get(async || "hello")).layer(limit.http_layer());
    /// # drop(app);
    /// # Ok::<(), perfect21_concurrency::ConfigError>(())
    /// ```
    #[must_use]
    pub fn http_layer(&self) -> HttpLimitLayer {
        HttpLimitLayer {
            limit: self.clone(),
            classify: ByStatus,
            holds_body: false,
            retry_after: RETRY_AFTER_S,
        }
    }
}

/// A [`Limit`] in front of HTTP services; made by [`Limit::http_layer`].
///
/// A rejected request is answered with 503, `Retry-After` and an empty body; the inner service is
/// not called. An adaptive limit learns by the status: see [`ByStatus`].
#[derive(Debug, Clone)]
pub struct HttpLimitLayer<C = ByStatus> {
    limit: Limit,
    classify: C,
    holds_body: bool,
    retry_after: u64,
}

impl<C> HttpLimitLayer<C> {
    /// Sets whether a place is held until the body of the answer ends or is dropped. Default:
    /// `false`, until its head is there.
    ///
    /// The default measures the work of most services, and a client that reads slowly cannot keep a
    /// place from others. Set it to `true` if the work is in the body: streamed exports, proxied
    /// downloads, server-sent events. Then the latency that an adaptive limit sees contains the
    /// time the client takes to read, so a fixed limit suits such services better.
    #[must_use]
    pub fn hold_body(mut self, holds_body: bool) -> Self {
        self.holds_body = holds_body;
        self
    }

    /// Sets what `Retry-After` says in answers to rejected requests, rounded up to seconds.
    /// Default: 1 s.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0));
        self
    }

    /// Sets what an answer says about the load. Default: [`ByStatus`].
    #[must_use]
    pub fn classify<D>(self, classify: D) -> HttpLimitLayer<D> {
        let Self { limit, holds_body, retry_after, .. } = self;
        HttpLimitLayer { limit, classify, holds_body, retry_after }
    }
}

/// The default of an [`HttpLimitLayer`]: answers of 429, 503 and 504 are overload, other answers
/// from 400 on and errors of the service say nothing, and the rest are successes.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ByStatus;

impl<B, E> Classify<Response<B>, E> for ByStatus {
    fn classify(&self, result: &Result<Response<B>, E>) -> Outcome {
        match result.as_ref().map(|response| response.status().as_u16()) {
            Ok(429 | 503 | 504) => Outcome::Overload,
            Ok(400..) | Err(_) => Outcome::Ignore,
            Ok(_) => Outcome::Success,
        }
    }
}

impl<S, C: Clone> Layer<S> for HttpLimitLayer<C> {
    type Service = HttpLimitService<S, C>;

    fn layer(&self, inner: S) -> HttpLimitService<S, C> {
        HttpLimitService { front: Front { limit: self.limit.clone(), inner }, settings: self.clone() }
    }
}

/// An HTTP service behind a [`Limit`].
#[derive(Debug, Clone)]
pub struct HttpLimitService<S, C = ByStatus> {
    front: Front<S>,
    settings: HttpLimitLayer<C>,
}

impl<S, R, B, C> Service<R> for HttpLimitService<S, C>
where
    S: Service<R, Response = Response<B>> + Clone,
    B: Body + Default,
    C: Classify<Response<B>, S::Error> + Clone,
{
    type Response = Response<LimitedBody<B>>;
    type Error = S::Error;
    type Future = HttpLimitFuture<S, R, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.front.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let HttpLimitLayer { classify, holds_body, retry_after, .. } = &self.settings;
        HttpLimitFuture {
            call: self.front.call(request),
            classify: classify.clone(),
            holds_body: *holds_body,
            retry_after: *retry_after,
        }
    }
}

pin_project! {
    /// The answer of an [`HttpLimitService`]. Dropping it frees its place, in the queue or under
    /// the limit.
    pub struct HttpLimitFuture<S: Service<R>, R, C = ByStatus> {
        #[pin]
        call: Under<S, R>,
        classify: C,
        holds_body: bool,
        retry_after: u64,
    }
}

impl<S, R, B, C> Future for HttpLimitFuture<S, R, C>
where
    S: Service<R, Response = Response<B>>,
    B: Body + Default,
    C: Classify<Response<B>, S::Error>,
{
    type Output = Result<Response<LimitedBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (answer, permit) = match ready!(this.call.poll(cx)) {
            Ok(answered) => answered,
            Err(rejected) => return Poll::Ready(Ok(refuse(rejected, *this.retry_after))),
        };
        let outcome = this.classify.classify(&answer);
        let goes_on = answer.as_ref().is_ok_and(|answer| !answer.body().is_end_stream());
        let held = if *this.holds_body && goes_on {
            Some((permit, outcome))
        } else {
            permit.end(outcome);
            None
        };
        Poll::Ready(answer.map(|answer| answer.map(|body| LimitedBody { body, held: Held(held) })))
    }
}

/// 503 with an empty body; the reason is in the extensions, for layers outside.
#[cold]
fn refuse<B: Default>(rejected: Rejected, retry_after: u64) -> Response<LimitedBody<B>> {
    let mut response = Response::new(LimitedBody { body: B::default(), held: Held(None) });
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
    response.extensions_mut().insert(rejected);
    response
}

impl<S: Service<R>, R, C> fmt::Debug for HttpLimitFuture<S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLimitFuture").field("call", &self.call).finish_non_exhaustive()
    }
}

pin_project! {
    /// The body of an answer, with the place it holds if [`HttpLimitLayer::hold_body`] is set. The
    /// place is free when the body ends, fails or is dropped.
    #[derive(Debug)]
    pub struct LimitedBody<B> {
        #[pin]
        body: B,
        held: Held,
    }
}

/// A place, and what the head of the answer said. Dropped before the body's end, it says nothing:
/// the client left.
#[derive(Debug)]
struct Held(Option<(OwnedPermit, Outcome)>);

impl Held {
    fn end(&mut self) {
        if let Some((permit, outcome)) = self.0.take() {
            permit.end(outcome);
        }
    }
}

impl<B: Body> Body for LimitedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let mut body = this.body;
        let frame = ready!(body.as_mut().poll_frame(cx));
        match &frame {
            // A server asks for no frame after the last one if the body says that it is the last.
            Some(Ok(_)) if !body.is_end_stream() => {}
            Some(Err(_)) => this.held.0 = None,
            Some(Ok(_)) | None => this.held.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
