//! A pick, its guard, and what the answer says.

use perfect21_bench_support::Op;
use perfect21_concurrency::Balancer;

/// [`Balancer::pick`] and [`success`](perfect21_concurrency::balance::Pick::success) over so many endpoints.
///
/// # Panics
/// Never: the settings are valid, and there are endpoints.
#[must_use]
pub fn pick(endpoints: usize) -> Op {
    let balancer = Balancer::new(0..endpoints).expect("valid settings");
    Op::each(move |_| balancer.pick().expect("there are endpoints").success())
}
