//! Libraries for Rust services that must be fast, each of them usable alone; this crate only re-exports them.
//!
//! | module and feature | what it has |
//! |---|---|
//! | `smart_cache` | an in-process cache bounded in entries and bytes |
//! | `mem_pool` | pools of objects and buffers, a memory watch, the growth of a call |
//! | `concurrency` | limits that find themselves, bounded gathers, batches, a balancer, thread pools |
//! | `db_stats` | a PostgreSQL pool and what its statements cost |
//! | `redis_cache` | a typed cache over Redis |
//! | `http_perf` | tower layers: response cache, timing |
//! | `load` | the load generator |
//! | `monitor` | baselines and reports |
//! | `meter` | counters and latency recorders |
//! | `host` | what a service must know of its machine |
//!
//! The words that all of them share ([`Observe`], [`Inspect`], [`Trim`], …) stand at the root.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use perfect21_core::*;

#[cfg(feature = "concurrency")]
pub use perfect21_concurrency as concurrency;
#[cfg(feature = "db-stats")]
pub use perfect21_db_stats as db_stats;
#[cfg(feature = "host")]
pub use perfect21_host as host;
#[cfg(feature = "http-perf")]
pub use perfect21_http_perf as http_perf;
#[cfg(feature = "load")]
pub use perfect21_load as load;
#[cfg(feature = "mem-pool")]
pub use perfect21_mem_pool as mem_pool;
#[cfg(feature = "meter")]
pub use perfect21_meter as meter;
#[cfg(feature = "monitor")]
pub use perfect21_monitor as monitor;
#[cfg(feature = "redis-cache")]
pub use perfect21_redis_cache as redis_cache;
#[cfg(feature = "smart-cache")]
pub use perfect21_smart_cache as smart_cache;

/// The program of the README compiles.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
