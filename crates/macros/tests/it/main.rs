//! Integration tests of `macros`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod cached;
mod memoize;
mod pooled;
mod reset;
mod schema;
mod weigh;
