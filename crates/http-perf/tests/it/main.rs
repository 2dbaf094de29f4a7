//! Integration tests of `http-perf`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bodies;
mod bounds;
mod expiry;
mod fits;
mod head_and_conditional;
mod invalidation;
mod private_answers;
mod sockets;
mod stampede;
mod support;
mod timing;
mod upstream;
