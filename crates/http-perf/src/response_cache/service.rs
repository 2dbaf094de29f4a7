//! The layer, its service, and the future of an answer.

use super::{
    CacheBody,
    shared::{Outcome, Shared},
    steps::{Role, Step, Wanted},
    stored::{BYPASS, MISS, X_CACHE},
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use perfect21_smart_cache::flight::{Join, Turn};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::time::Sleep;
use tower_layer::Layer;
use tower_service::Service;

/// Puts a [`ResponseCache`](super::ResponseCache) before a service; made by [`ResponseCache::layer`](super::ResponseCache::layer).
#[derive(Debug, Clone)]
pub struct ResponseCacheLayer {
    pub(super) shared: Arc<Shared>,
}

impl<S> Layer<S> for ResponseCacheLayer {
    type Service = ResponseCacheService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ResponseCacheService { inner, shared: Arc::clone(&self.shared) }
    }
}

/// A service with a [`ResponseCache`](super::ResponseCache) before it.
///
/// A hit neither calls nor clones the inner service. It is cloned for a request that waits for another's answer.
#[derive(Debug, Clone)]
pub struct ResponseCacheService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, Q, B> Service<Request<Q>> for ResponseCacheService<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone,
    Q: Body,
    B: Body<Data = Bytes>,
{
    type Response = Response<CacheBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Q, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let state = match self.shared.begin(&request) {
            Step::Answer(response) => State::Answered { response: Some(response) },
            Step::Call(role) => State::Calling { future: self.inner.call(request), role: Some(role) },
            Step::Wait(join, wanted) => {
                let max_wait = Box::pin(tokio::time::sleep(self.shared.limits.max_wait));
                let turn = TurnToCome::Landing { join, max_wait, wanted };
                // A clone has no readiness of its own yet, so that one who waits holds no place in the inner service.
                let (inner, shared) = (self.inner.clone(), Arc::clone(&self.shared));
                State::Waiting {
                    waiting: Box::new(Waiting { inner, shared, request: Some(request), turn: Some(turn) }),
                }
            }
        };
        ResponseFuture { state }
    }
}

pin_project! {
    /// The answer of a [`ResponseCacheService`].
    ///
    /// # Cancel safety
    /// Dropped, it lets one of those who wait for its answer call the service instead.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Q, B>
    where
        S: Service<Request<Q>>,
        B: Body,
    {
        #[pin]
        state: State<S, Q, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Q, B>
    where
        S: Service<Request<Q>>,
        B: Body,
    {
        Answered { response: Option<Response<CacheBody<B>>> },
        Waiting { waiting: Box<Waiting<S, Q>> },
        Calling { #[pin] future: S::Future, role: Option<Role> },
    }
}

impl<S, Q, B> Future for ResponseFuture<S, Q, B>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<CacheBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Answered { response } => {
                    return Poll::Ready(Ok(response.take().expect("polled after it was ready")));
                }
                StateProjection::Calling { future, role } => {
                    let response = ready!(future.poll(context));
                    let role = role.take().expect("polled after it was ready");
                    return Poll::Ready(role.receive(response, context));
                }
                StateProjection::Waiting { waiting } => match ready!(waiting.poll(context)) {
                    Ok(next) => next,
                    Err(error) => return Poll::Ready(Err(error)),
                },
            };
            state.set(next);
        }
    }
}

/// A request that waits for another's answer, and what it takes to call the service after all.
struct Waiting<S, Q> {
    inner: S,
    shared: Arc<Shared>,
    request: Option<Request<Q>>,
    turn: Option<TurnToCome>,
}

enum TurnToCome {
    Landing { join: Join<Arc<str>, Outcome>, max_wait: Pin<Box<Sleep>>, wanted: Wanted },
    Call(Role),
}

impl<S, Q, B> Waiting<S, Q>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<State<S, Q, B>, S::Error>> {
        let request = self.request.as_ref().expect("polled after it was ready");
        if let Some(TurnToCome::Landing { join, max_wait, wanted }) = &mut self.turn {
            let step = match Pin::new(join).poll(context) {
                Poll::Ready(Turn::Landed(outcome)) => self.shared.landed(wanted, outcome, request.headers()),
                Poll::Ready(Turn::Lead(lead)) => self.shared.lead(wanted, lead, request.headers()),
                Poll::Pending => {
                    ready!(max_wait.as_mut().poll(context));
                    self.shared.counters.gave_up_waiting.increment();
                    self.shared.fill(wanted, None)
                }
            };
            match step {
                Step::Answer(response) => {
                    return Poll::Ready(Ok(State::Answered { response: Some(response) }));
                }
                Step::Call(role) => self.turn = Some(TurnToCome::Call(role)),
                Step::Wait(..) => unreachable!("who has waited does not wait again"),
            }
        }
        let is_ready = ready!(self.inner.poll_ready(context));
        let (turn, request) = (self.turn.take(), self.request.take());
        let (Some(TurnToCome::Call(role)), Some(request)) = (turn, request) else {
            unreachable!("polled after it was ready")
        };
        Poll::Ready(match is_ready {
            Ok(()) => Ok(State::Calling { future: self.inner.call(request), role: Some(role) }),
            Err(error) => {
                role.failed();
                Err(error)
            }
        })
    }
}

impl Role {
    fn receive<B: Body<Data = Bytes>, E>(
        self,
        response: Result<Response<B>, E>,
        context: &mut Context<'_>,
    ) -> Result<Response<CacheBody<B>>, E> {
        let response = match response {
            Ok(response) => response,
            Err(error) => {
                self.failed();
                return Err(error);
            }
        };
        let (mut response, how) = match self {
            Self::Bypass => (response.map(CacheBody::passing), BYPASS),
            Self::Miss => (response.map(CacheBody::passing), MISS),
            Self::Change(change) => {
                change.answered(response.status());
                (response.map(CacheBody::passing), BYPASS)
            }
            Self::Fill(fill) => (fill.receive(response, context), MISS),
        };
        response.headers_mut().insert(X_CACHE, how);
        Ok(response)
    }

    fn failed(self) {
        if let Self::Fill(fill) = self {
            fill.fail();
        }
    }
}

impl<S, Q, B> fmt::Debug for ResponseFuture<S, Q, B>
where
    S: Service<Request<Q>>,
    B: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
