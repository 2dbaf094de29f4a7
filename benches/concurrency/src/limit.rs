//! A [`Limit`], used by who finds it free.

use perfect21_bench_support::Op;
use perfect21_concurrency::{Limit, limit::Elastic};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

fn fixed() -> Limit {
    Limit::builder(64).build().expect("settings are valid")
}

/// [`Limit::try_acquire`] and the permit's drop.
///
/// # Panics
/// Never: its settings are valid.
#[must_use]
pub fn try_acquire() -> Op {
    let limit = fixed();
    Op::each(move |_| limit.try_acquire().is_some())
}

/// The same, with the success told: nothing that a fixed limit keeps.
///
/// # Panics
/// Never: its settings are valid.
#[must_use]
pub fn fixed_success() -> Op {
    succeed(fixed())
}

/// The same of a limit that finds itself by [`Elastic`].
///
/// # Panics
/// Never: its settings are valid.
#[must_use]
pub fn adaptive_success() -> Op {
    succeed(Limit::builder(64).algorithm(Elastic::new()).build().expect("settings are valid"))
}

/// The same where every call is timed, as below some 20 000 calls a second: a ceiling wants it so at any rate.
///
/// # Panics
/// Never: its settings are valid.
#[must_use]
pub fn timed_success() -> Op {
    let adaptive = Limit::builder(64).algorithm(Elastic::new()).ceiling(Duration::from_secs(10));
    succeed(adaptive.build().expect("settings are valid"))
}

fn succeed(limit: Limit) -> Op {
    Op::each(move |_| limit.try_acquire().map(|permit| permit.success()).is_some())
}

/// [`Limit::try_acquire_owned`] and the permit's drop.
///
/// # Panics
/// Never: its settings are valid.
#[must_use]
pub fn try_acquire_owned() -> Op {
    let limit = fixed();
    Op::each(move |_| limit.try_acquire_owned().is_some())
}

/// [`Limit::acquire`], ready at once, and the permit's drop.
///
/// # Panics
/// Never: its settings are valid.
#[must_use]
pub fn acquire() -> Op {
    let limit = fixed();
    Op::each(move |_| at_once(limit.acquire()).is_ok())
}

/// A call through [`Limit::layer`] to a service that does nothing.
///
/// # Panics
/// Never: its settings are valid.
#[must_use]
pub fn layer() -> Op {
    let layer = fixed().layer();
    call(move || layer.layer(Nothing))
}

/// A service that is ready at once.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "it has nothing to add")]
pub struct Nothing;

impl Service<u64> for Nothing {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(request))
    }
}

/// Gets a service of this thread's own ready and calls it.
///
/// # Panics
/// If it is not ready at once.
pub fn call<S>(service: impl Fn() -> S + Send + Sync + 'static) -> Op
where
    S: Service<u64, Response = u64> + 'static,
{
    Op::with_state(move || {
        let mut service = service();
        move |times| {
            let mut cx = Context::from_waker(Waker::noop());
            for n in 0..times {
                assert!(service.poll_ready(&mut cx).is_ready(), "the service is ready at once");
                std::hint::black_box(at_once(service.call(n)).is_ok());
            }
        }
    })
}

/// What a future gives that is ready at once.
///
/// # Panics
/// If it is not.
pub fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is not ready at once"),
    }
}
