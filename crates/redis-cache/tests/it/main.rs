//! Integration tests of `redis-cache`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod config;
mod hostile;
mod load;
mod moves;
mod near;
mod observe;
mod outage;
mod pause;
mod places;
mod processes;
mod published;
mod rejected;
mod semantics;
mod support;
mod sweep;
mod tags;
mod tier;
mod tls;
