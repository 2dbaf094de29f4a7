//! What the examples share: the example API, the reading of options, and a PostgreSQL or Redis server.
#![forbid(unsafe_code)]

pub mod cli;
pub mod redis;
pub mod server;
pub mod shop;
