//! Real servers and faults for the tests of Perfect21.
//!
//! Nothing is mocked: [`postgres`] and [`redis`] start the installed servers on free loopback ports with a private
//! directory each, [`fault`] puts a TCP proxy in front of any of them that a test commands while it runs, [`alloc`]
//! counts what a piece of code allocates, [`events`] collects what it logs, [`trace`] reads request traces, [`soak`] says how many rounds a test runs, and [`wait`] replaces the sleep that tests
//! are tempted by.
//!
//! ```no_run
//! use perfect21_test_support::{fault::Proxy, postgres::Postgres, redis::Redis};
//!
//! let postgres = Postgres::start()?;
//! let redis = Redis::start()?;
//! println!("{} {}", postgres.url(), redis.url());
//!
//! let proxy = Proxy::start(redis.addr())?; // hand the client proxy.addr()
//! proxy.cut();
//! postgres.restart()?; // same port, same data
//! # Ok::<(), perfect21_test_support::Error>(())
//! ```
//!
//! # Nothing outlives a test
//!
//! Every server is the child of a guard: a small `/bin/sh` in a process group of its own that reads a pipe from the
//! test process. When the pipe closes, because the handle was dropped or because the process died in whatever way
//! (`SIGKILL` too), the guard stops the server and removes its directory. A handle in a `static` is therefore fine.
//!
//! # Costs and bounds
//!
//! | | start | at rest |
//! |---|---|---|
//! | [`postgres::Postgres`] | ~0.2 s, a few times that on a busy machine (a version's first makes the template: ~2 s) | ~30 MB of disk |
//! | [`redis::Redis`] | ~0.02 s | ~10 MB of memory |
//! | [`redis::Cluster`] | ~2.1 s | six servers |
//! | [`redis::Sentinel`] | ~0.1 s | two servers, three sentinels |
//! | [`fault::Proxy`] | < 1 ms | one thread, at most 256 connections, 256 KiB each way |
//!
//! A start gives up after 30 seconds with the end of the server's log in its error. The servers come from
//! the system's packages; where one is missing the error says what to install.
#![deny(unsafe_code)]

pub mod alloc;
mod error;
pub mod events;
pub mod fault;
mod guard;
mod port;
pub mod postgres;
pub mod redis;
pub mod soak;
pub mod trace;
pub mod wait;

pub use error::{Error, ErrorKind};
