//! What the examples share: the example API.
#![forbid(unsafe_code)]

pub mod shop;
