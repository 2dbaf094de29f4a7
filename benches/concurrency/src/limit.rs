//! A [`Limit`], used by who finds it free.

use perfect21_bench_support::Op;
use perfect21_concurrency::Limit;

/// [`Limit::try_acquire`] and the permit's drop.
///
/// # Panics
/// Never: its settings are valid.
#[must_use]
pub fn try_acquire() -> Op {
    let limit = Limit::builder(64).build().expect("settings are valid");
    Op::each(move |_| limit.try_acquire().is_some())
}
