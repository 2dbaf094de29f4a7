use super::{
    Limit, Limited, Outcome,
    under::{Front, Under},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// A [`Limit`] in front of services; made by [`Limit::layer`].
///
/// A request that waits in the limit's queue holds nothing of the inner service: the service
/// becomes ready for it when its turn comes. A clone that is ready holds no place under the limit:
/// the call takes it.
///
/// # What counts as overload
/// By default nothing: `Ok` is a success, and `Err` says nothing about the load, as most errors
/// have other causes. An adaptive limit then learns from latencies and throughput alone. Report the
/// errors that overload causes, such as time-outs, refused connections and answers 429 and 503,
/// with [`classify`](Self::classify); if all errors of the service are of that kind,
/// `classify(Outcome::of)` counts each `Err`. A failure whose share does not depend on the limit
/// [does not lower it](crate::Algorithm#failures-without-load).
///
/// # Order of layers
/// Put a time-out inside of it, so that it ends calls and not waits, and retries outside, so that a
/// latency is of one try.
///
/// # HTTP
/// Its error is [`Limited`], and axum wants an error that cannot happen: `Router::layer` refuses
/// this layer. With feature `http`, `limit.http_layer()` answers rejections with 503 and
/// `Retry-After`, counts answers of 429, 503 and 504 as overload, and can hold the place to the end
/// of the body. This layer holds a place until the answer is there; for HTTP that is its head.
#[derive(Debug, Clone)]
pub struct LimitLayer<C = ByResult> {
    limit: Limit,
    classify: C,
}

impl LimitLayer {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, classify: ByResult }
    }
}

impl<C> LimitLayer<C> {
    /// Sets what the result of a call says about the load. Default: `Ok` is a success, and `Err`
    /// says nothing.
    ///
    /// ```
    /// use perfect21_concurrency::{Limit, limit::Outcome};
    /// use tower::{BoxError, Layer, service_fn};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = Limit::adaptive().build()?.layer().classify(|result: &Result<u16, BoxError>| match result {
    ///     Ok(503 | 429) => Outcome::Overload,
    ///     Err(error) if error.is::<tokio::time::error::Elapsed>() => Outcome::Overload,
    ///     Ok(400..) | Err(_) => Outcome::Ignore,
    ///     Ok(_) => Outcome::Success,
    /// });
    /// let service = layer.layer(service_fn(async |_: ()| Ok::<u16, BoxError>(200)));
    /// # drop(service);
    /// # Ok(())
    /// # }
    /// ```
    pub fn classify<D>(self, classify: D) -> LimitLayer<D> {
        LimitLayer { limit: self.limit, classify }
    }
}

/// How a call went, by its result; any `Fn(&Result<T, E>) -> Outcome` is one.
pub trait Classify<T, E> {
    /// Says it.
    fn classify(&self, result: &Result<T, E>) -> Outcome;
}

/// The default of a [`LimitLayer`]: `Ok` is a success, and `Err` says nothing.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ByResult;

impl<T, E> Classify<T, E> for ByResult {
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        if result.is_ok() { Outcome::Success } else { Outcome::Ignore }
    }
}

impl<T, E, F: Fn(&Result<T, E>) -> Outcome> Classify<T, E> for F {
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        self(result)
    }
}

impl<S, C: Clone> Layer<S> for LimitLayer<C> {
    type Service = LimitService<S, C>;

    fn layer(&self, inner: S) -> LimitService<S, C> {
        LimitService { front: Front { limit: self.limit.clone(), inner }, classify: self.classify.clone() }
    }
}

/// A service behind a [`Limit`].
#[derive(Debug, Clone)]
pub struct LimitService<S, C = ByResult> {
    front: Front<S>,
    classify: C,
}

impl<S, R, C> Service<R> for LimitService<S, C>
where
    S: Service<R> + Clone,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = Limited<S::Error>;
    type Future = LimitFuture<S, R, C>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.front.inner.poll_ready(cx).map_err(Limited::Inner)
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        LimitFuture { call: self.front.call(request), classify: self.classify.clone() }
    }
}

pin_project! {
    /// The answer of a [`LimitService`]. Dropping it frees its place, in the queue or under the limit.
    pub struct LimitFuture<S: Service<R>, R, C = ByResult> {
        #[pin]
        call: Under<S, R>,
        classify: C,
    }
}

impl<S, R, C> Future for LimitFuture<S, R, C>
where
    S: Service<R>,
    C: Classify<S::Response, S::Error>,
{
    type Output = Result<S::Response, Limited<S::Error>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (answer, permit) = ready!(this.call.poll(cx)).map_err(Limited::Rejected)?;
        // Free for the next before the answer travels on.
        permit.end(this.classify.classify(&answer));
        Poll::Ready(answer.map_err(Limited::Inner))
    }
}

impl<S: Service<R>, R, C> fmt::Debug for LimitFuture<S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitFuture").field("call", &self.call).finish_non_exhaustive()
    }
}
