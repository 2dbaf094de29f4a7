use super::{Limit, Limited, Permit, Rejected};
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
/// that is still streaming counts no more.
#[derive(Debug, Clone)]
pub struct LimitLayer {
    limit: Limit,
}

impl LimitLayer {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = LimitService<S>;

    fn layer(&self, inner: S) -> LimitService<S> {
        LimitService { limit: self.limit.clone(), inner }
    }
}

/// A service behind a [`Limit`].
#[derive(Debug, Clone)]
pub struct LimitService<S> {
    limit: Limit,
    inner: S,
}

impl<S, R> Service<R> for LimitService<S>
where
    S: Service<R> + Clone,
{
    type Response = S::Response;
    type Error = Limited<S::Error>;
    type Future = LimitFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Limited::Inner)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let state = match self.limit.try_acquire() {
            Some(permit) => State::Running { future: self.inner.call(request), permit: Some(permit) },
            None => {
                // The one that is ready goes with the request; its clone gets ready for the next.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let limit = self.limit.clone();
                let turn = Box::pin(async move { limit.acquire().await });
                State::Waiting { turn, call: Some((ready, request)) }
            }
        };
        LimitFuture { state }
    }
}

type Turn = Pin<Box<dyn Future<Output = Result<Permit, Rejected>> + Send>>;

pin_project! {
    /// The answer of a [`LimitService`]. Dropping it frees its place, in the queue or under the limit.
    pub struct LimitFuture<S: Service<R>, R> {
        #[pin]
        state: State<S, S::Future, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, R> {
        Waiting { turn: Turn, call: Option<(S, R)> },
        Running { #[pin] future: F, permit: Option<Permit> },
    }
}

impl<S: Service<R>, R> Future for LimitFuture<S, R> {
    type Output = Result<S::Response, Limited<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let (permit, call) = match state.as_mut().project() {
                StateProjection::Waiting { turn, call } => {
                    (ready!(turn.as_mut().poll(cx)).map_err(Limited::Rejected)?, call.take())
                }
                StateProjection::Running { future, permit } => {
                    let answer = ready!(future.poll(cx));
                    // Free for the next before the answer travels on.
                    drop(permit.take());
                    return Poll::Ready(answer.map_err(Limited::Inner));
                }
            };
            let Some((mut service, request)) = call else { unreachable!("polled after it was refused") };
            state.set(State::Running { future: service.call(request), permit: Some(permit) });
        }
    }
}

impl<S: Service<R>, R> fmt::Debug for LimitFuture<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting { .. } => "waiting",
            State::Running { .. } => "running",
        };
        f.debug_struct("LimitFuture").field("state", &state).finish_non_exhaustive()
    }
}
