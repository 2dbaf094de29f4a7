//! A call of a service under a limit, from the queue to its answer.

use super::{Limit, OwnedPermit, Rejected};
use pin_project_lite::pin_project;
use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_service::Service;

/// A service and the limit in front of it.
#[derive(Debug, Clone)]
pub(super) struct Front<S> {
    pub(super) limit: Limit,
    pub(super) inner: S,
}

impl<S: Clone> Front<S> {
    #[inline]
    pub(super) fn call<R>(&mut self, request: R) -> Under<S, R>
    where
        S: Service<R>,
    {
        let state = match self.limit.try_acquire_owned() {
            Some(permit) => State::Running { future: self.inner.call(request), permit: Some(permit) },
            None => self.wait(request),
        };
        Under { state }
    }

    #[cold]
    fn wait<R>(&mut self, request: R) -> State<S, S::Future, R>
    where
        S: Service<R>,
    {
        // What the inner service reserved when it became ready, such as a place of its own limit,
        // must not wait in this queue: the ready one is dropped, and the request takes a clone,
        // which becomes ready when its turn comes.
        let clone = self.inner.clone();
        drop(mem::replace(&mut self.inner, clone.clone()));
        let limit = self.limit.clone();
        let turn = Box::pin(async move { limit.acquire_owned().await });
        State::Waiting { turn, call: Some((clone, request)) }
    }
}

type Turn = Pin<Box<dyn Future<Output = Result<OwnedPermit, Rejected>> + Send>>;

pin_project! {
    /// Resolves to the answer and the permit it was made under, or to the limit's refusal.
    pub(super) struct Under<S: Service<R>, R> {
        #[pin]
        state: State<S, S::Future, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, R> {
        Waiting { turn: Turn, call: Option<(S, R)> },
        // The turn has come, and the clone becomes ready.
        Readying { service: S, request: Option<R>, permit: Option<OwnedPermit> },
        Running { #[pin] future: F, permit: Option<OwnedPermit> },
    }
}

type Answered<S, R> = (Result<<S as Service<R>>::Response, <S as Service<R>>::Error>, OwnedPermit);

impl<S: Service<R>, R> Future for Under<S, R> {
    type Output = Result<Answered<S, R>, Rejected>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Running { future, permit } => {
                    let answer = ready!(future.poll(cx));
                    let Some(permit) = permit.take() else { unreachable!("polled after it was ready") };
                    return Poll::Ready(Ok((answer, permit)));
                }
                StateProjection::Waiting { turn, call } => {
                    let permit = Some(ready!(turn.as_mut().poll(cx))?);
                    let Some((service, request)) = call.take() else {
                        unreachable!("polled after it was refused")
                    };
                    State::Readying { service, request: Some(request), permit }
                }
                StateProjection::Readying { service, request, permit } => {
                    let is_ready = ready!(service.poll_ready(cx));
                    let (Some(request), Some(permit)) = (request.take(), permit.take()) else {
                        unreachable!("polled after it was ready")
                    };
                    match is_ready {
                        Ok(()) => State::Running { future: service.call(request), permit: Some(permit) },
                        Err(error) => return Poll::Ready(Ok((Err(error), permit))),
                    }
                }
            };
            state.set(next);
        }
    }
}

impl<S: Service<R>, R> fmt::Debug for Under<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Waiting { .. } => "waiting",
            State::Readying { .. } => "becoming ready",
            State::Running { .. } => "running",
        })
    }
}
