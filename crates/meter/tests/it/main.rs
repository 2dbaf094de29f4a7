//! Integration tests of `meter`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod concurrent;
mod dying_threads;
mod quantiles;
mod rejected;
