//! How the parts behave, on simulated time with fixed seeds.

pub mod balancer;
pub mod limiter;
