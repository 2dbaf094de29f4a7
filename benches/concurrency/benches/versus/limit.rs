//! A permit that is free, beside tokio's semaphore, and the layer beside tower's.

use perfect21_bench_concurrency::limit::{self as ours, Nothing, at_once, call};
use perfect21_bench_support::{Case, Op};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower::limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer};
use tower_layer::Layer;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("permit, free", 1, ours::try_acquire(), "tokio try_acquire", tokio_try_acquire()),
        Case::new("permit, awaited", 1, ours::acquire(), "tokio acquire", tokio_acquire()),
        Case::new("permit, owned", 1, ours::try_acquire_owned(), "tokio try_acquire_owned", tokio_owned()),
        Case::new("permit, two threads", 2, ours::try_acquire(), "tokio try_acquire", tokio_try_acquire()),
        Case::new("permit, adaptive", 1, ours::adaptive_success(), "fixed", ours::fixed_success()),
        Case::new("permit, adaptive, all timed", 1, ours::timed_success(), "fixed", ours::fixed_success()),
        Case::new("layer", 1, ours::layer(), "tower ConcurrencyLimit", tower_limit()),
        Case::new("layer", 1, ours::layer(), "the service alone", call(|| Nothing)),
        Case::new("tower ConcurrencyLimit", 1, tower_limit(), "the service alone", call(|| Nothing)),
    ]
}

fn tokio_try_acquire() -> Op {
    let semaphore = Semaphore::new(64);
    Op::each(move |_| semaphore.try_acquire().is_ok())
}

fn tokio_owned() -> Op {
    let semaphore = Arc::new(Semaphore::new(64));
    Op::each(move |_| semaphore.clone().try_acquire_owned().is_ok())
}

fn tokio_acquire() -> Op {
    let semaphore = Semaphore::new(64);
    Op::each(move |_| at_once(semaphore.acquire()).is_ok())
}

fn tower_limit() -> Op {
    let layer = GlobalConcurrencyLimitLayer::new(64);
    call(move || -> ConcurrencyLimit<Nothing> { layer.layer(Nothing) })
}
