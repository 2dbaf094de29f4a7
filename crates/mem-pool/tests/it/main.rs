//! Integration tests of `mem-pool`, one module per hazard.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bounded;
mod bounds;
mod buffer;
mod buffer_bounds;
mod handles;
mod kinds;
mod one_hand;
mod panics;
mod registry;
mod thread_locals;
mod threads;
mod watch_blocks;
mod watch_cleanup;
mod watch_levels;
mod watch_log;
mod watch_parts;
mod watch_tree;
