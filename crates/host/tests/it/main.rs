//! Integration tests of `host`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod limits;
mod observe;
mod process;
mod sample;
mod tree;
