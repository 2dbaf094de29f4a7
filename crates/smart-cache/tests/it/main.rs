//! Integration tests of `smart-cache`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod blocking;
mod bounds;
mod config;
mod curve;
mod entry;
mod expiry;
mod hostile;
mod janitor;
mod listener;
mod live;
mod load;
mod loader;
mod loader_many;
mod loader_remote;
mod loader_stale;
mod loader_store;
mod lru;
mod many;
mod memo_macro;
mod removal;
mod resize;
mod snapshot;
mod source;
mod store;
mod support;
mod tags;
mod visit;
