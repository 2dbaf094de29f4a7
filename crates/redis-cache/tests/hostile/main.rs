//! Whatever others write under our keys, and whatever keys, names and tags are made of.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod envelope;
mod names;
mod places;
#[path = "../support/mod.rs"]
mod support;
mod trap;
mod values;
