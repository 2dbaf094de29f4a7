//! Integration tests of `examples`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod api;
mod baseline;
