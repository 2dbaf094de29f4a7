//! Integration tests of `concurrency`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod balance;
mod balance_failures;
mod balance_layer;
mod batch;
mod executor;
mod extremes;
mod gather;
mod limit;
mod limit_adaptive;
mod limit_algorithms;
mod limit_cancel;
mod limit_http;
mod limit_layer;
mod limit_model;
mod limit_order;
mod limit_resize;
mod limit_stats;
mod limit_tracing;
mod pool;
