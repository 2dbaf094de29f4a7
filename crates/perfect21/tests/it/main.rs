//! Integration tests of `perfect21`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod house;
mod macros;
