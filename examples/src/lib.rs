//! What the examples share: the example API, and the reading of options.
#![forbid(unsafe_code)]

pub mod cli;
pub mod shop;
