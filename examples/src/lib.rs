//! What the examples share: the example API, and the reading of options, and a PostgreSQL server.
#![forbid(unsafe_code)]

pub mod cli;
pub mod server;
pub mod shop;
