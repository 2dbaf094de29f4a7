//! Integration tests of `load`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod counts;
mod failures;
mod server;
mod stall;
mod stop;
mod thresholds;
