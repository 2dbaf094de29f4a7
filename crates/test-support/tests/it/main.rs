//! Integration tests of `test-support`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
mod faults;
mod left_behind;
mod missing;
mod postgres;
mod redis;
mod traces;
