use super::{Limit, Limited, Outcome, OwnedPermit, Rejected};
use pin_project_lite::pin_project;
use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// A [`Limit`] in front of services; made by [`Limit::layer`].
///
/// Its error is [`Limited`]: axum wants one that cannot happen, so put `axum::error_handling::HandleErrorLayer` outside
/// of it and answer a rejection with 503 and `Retry-After`. A place is kept until the answer's head is there; a body
/// that is still streaming counts no more. A clone that is ready holds no place: it is taken by the call.
///
/// An adaptive limit takes an answer for success and an error for overload, unless [`classify`](Self::classify) says
/// otherwise. Put a timeout inside of it, so that what is too slow is an error here, and retries outside, so that a
/// latency is of one try.
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
    /// Says by the result how a call went: a 503 or 429 is overload, a client's error says nothing.
    ///
    /// ```
    /// use perfect21_concurrency::{Limit, limit::Outcome};
    /// use tower::{BoxError, Layer, service_fn};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = Limit::adaptive().build()?.layer().classify(|result: &Result<u16, BoxError>| match result {
    ///     Ok(503 | 429) | Err(_) => Outcome::Overload,
    ///     Ok(400..) => Outcome::Ignore,
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

/// `Ok` is success, `Err` overload: what a [`LimitLayer`] goes by unless it is told otherwise.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ByResult;

impl<T, E> Classify<T, E> for ByResult {
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        Outcome::of(result)
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
        LimitService { limit: self.limit.clone(), classify: self.classify.clone(), inner }
    }
}

/// A service behind a [`Limit`].
#[derive(Debug, Clone)]
pub struct LimitService<S, C = ByResult> {
    limit: Limit,
    classify: C,
    inner: S,
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
        self.inner.poll_ready(cx).map_err(Limited::Inner)
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        let state = match self.limit.try_acquire_owned() {
            Some(permit) => State::Running { future: self.inner.call(request), permit: Some(permit) },
            None => self.wait(request),
        };
        LimitFuture { state, classify: self.classify.clone() }
    }
}

impl<S: Clone, C> LimitService<S, C> {
    #[cold]
    fn wait<R>(&mut self, request: R) -> State<S, S::Future, R>
    where
        S: Service<R>,
    {
        // The one that is ready goes with the request; its clone gets ready for the next.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let limit = self.limit.clone();
        let turn = Box::pin(async move { limit.acquire_owned().await });
        State::Waiting { turn, call: Some((ready, request)) }
    }
}

type Turn = Pin<Box<dyn Future<Output = Result<OwnedPermit, Rejected>> + Send>>;

pin_project! {
    /// The answer of a [`LimitService`]. Dropping it frees its place, in the queue or under the limit.
    pub struct LimitFuture<S: Service<R>, R, C = ByResult> {
        #[pin]
        state: State<S, S::Future, R>,
        classify: C,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, R> {
        Waiting { turn: Turn, call: Option<(S, R)> },
        Running { #[pin] future: F, permit: Option<OwnedPermit> },
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
        let mut state = this.state;
        loop {
            let (permit, call) = match state.as_mut().project() {
                StateProjection::Running { future, permit } => {
                    let answer = ready!(future.poll(cx));
                    // Free for the next before the answer travels on.
                    if let Some(permit) = permit.take() {
                        permit.end(this.classify.classify(&answer));
                    }
                    return Poll::Ready(answer.map_err(Limited::Inner));
                }
                StateProjection::Waiting { turn, call } => {
                    (ready!(turn.as_mut().poll(cx)).map_err(Limited::Rejected)?, call.take())
                }
            };
            let Some((mut service, request)) = call else { unreachable!("polled after it was refused") };
            state.set(State::Running { future: service.call(request), permit: Some(permit) });
        }
    }
}

impl<S: Service<R>, R, C> fmt::Debug for LimitFuture<S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting { .. } => "waiting",
            State::Running { .. } => "running",
        };
        f.debug_struct("LimitFuture").field("state", &state).finish_non_exhaustive()
    }
}
