use super::{Balancer, NoEndpoint, Pick, retry::Verdict};
use pin_project_lite::pin_project;
use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

type Route<E, R> = dyn Fn(R, &E) -> R + Send + Sync;
type Judge<S, R> = fn(&Result<<S as Service<R>>::Response, <S as Service<R>>::Error>) -> Verdict;

/// Sends each request of a client to the endpoint that waits least; made by [`Balancer::layer`].
///
/// All services of all clones of the layer share the balancer. Unlike a balancer that keeps one ready service an endpoint, it
/// holds nothing between `poll_ready` and `call`: an endpoint that goes away in between is not asked.
pub struct BalanceLayer<E, R> {
    balancer: Balancer<E>,
    route: Arc<Route<E, R>>,
}

impl<E> Balancer<E> {
    /// The balancer in front of a client: `route` makes a request one to an endpoint, by its host for example.
    ///
    /// An error is a failure of the endpoint; where an answer may be one too, see [`BalanceService::judge`]. A retry layer
    /// outside of it goes to an endpoint drawn anew, which may be the same; [`run`](Self::run) does better.
    pub fn layer<R>(&self, route: impl Fn(R, &E) -> R + Send + Sync + 'static) -> BalanceLayer<E, R> {
        BalanceLayer { balancer: self.clone(), route: Arc::new(route) }
    }
}

impl<E, R, S: Service<R>> Layer<S> for BalanceLayer<E, R> {
    type Service = BalanceService<E, R, S>;

    fn layer(&self, inner: S) -> Self::Service {
        let (balancer, route) = (self.balancer.clone(), Arc::clone(&self.route));
        BalanceService { balancer, route, judge: Verdict::of, inner }
    }
}

/// A client whose requests are spread over the endpoints of a [`Balancer`].
pub struct BalanceService<E, R, S: Service<R>> {
    balancer: Balancer<E>,
    route: Arc<Route<E, R>>,
    judge: Judge<S, R>,
    inner: S,
}

impl<E, R, S: Service<R>> BalanceService<E, R, S> {
    /// Says what an answer means for its endpoint: a 503 is one, too. Default: an error is a failure.
    #[must_use]
    pub fn judge(mut self, judge: Judge<S, R>) -> Self {
        self.judge = judge;
        self
    }
}

/// Why a balanced request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Balanced<Err> {
    /// There is nobody to ask.
    #[error("no endpoint to ask")]
    NoEndpoint(#[source] NoEndpoint),
    /// The client's own error.
    #[error(transparent)]
    Inner(Err),
}

impl<E, R, S> Service<R> for BalanceService<E, R, S>
where
    S: Service<R> + Clone,
{
    type Response = S::Response;
    type Error = Balanced<S::Error>;
    type Future = BalanceFuture<E, R, S>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Balanced::Inner)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // The one that is ready goes with the request; its clone gets ready for the next.
        let clone = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, clone);
        let state = match self.balancer.pick() {
            Ok(pick) => {
                let future = ready.call((self.route)(request, pick.endpoint()));
                State::Asked { future, pick: Some(pick) }
            }
            Err(error) => State::Nobody { error },
        };
        BalanceFuture { state, judge: self.judge }
    }
}

pin_project! {
    /// The answer of a [`BalanceService`]. Dropped, the request counts as given up.
    pub struct BalanceFuture<E, R, S: Service<R>> {
        #[pin]
        state: State<E, S::Future>,
        judge: Judge<S, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<E, F> {
        Asked { #[pin] future: F, pick: Option<Pick<E>> },
        Nobody { error: NoEndpoint },
    }
}

impl<E, R, S: Service<R>> Future for BalanceFuture<E, R, S> {
    type Output = Result<S::Response, Balanced<S::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.state.project() {
            StateProjection::Nobody { error } => Poll::Ready(Err(Balanced::NoEndpoint(*error))),
            StateProjection::Asked { future, pick } => {
                let result = ready!(future.poll(context));
                if let Some(pick) = pick.take() {
                    (this.judge)(&result).tell(pick);
                }
                Poll::Ready(result.map_err(Balanced::Inner))
            }
        }
    }
}

impl<E, R> Clone for BalanceLayer<E, R> {
    fn clone(&self) -> Self {
        Self { balancer: self.balancer.clone(), route: Arc::clone(&self.route) }
    }
}

impl<E, R, S: Service<R> + Clone> Clone for BalanceService<E, R, S> {
    fn clone(&self) -> Self {
        let (balancer, route) = (self.balancer.clone(), Arc::clone(&self.route));
        Self { balancer, route, judge: self.judge, inner: self.inner.clone() }
    }
}

impl<E, R> fmt::Debug for BalanceLayer<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BalanceLayer").field("balancer", &self.balancer).finish_non_exhaustive()
    }
}

impl<E, R, S: Service<R>> fmt::Debug for BalanceService<E, R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BalanceService").field("balancer", &self.balancer).finish_non_exhaustive()
    }
}

impl<E, R, S: Service<R>> fmt::Debug for BalanceFuture<E, R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BalanceFuture").finish_non_exhaustive()
    }
}
