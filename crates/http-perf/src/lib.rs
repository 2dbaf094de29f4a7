//! Tower layers for fast services: a response cache that keeps private answers private, and request timing.
//!
//! Each layer is a cargo feature and a module of its own, fits axum's `Router::layer` and any tower service of `http`
//! requests, and is bounded in what it holds:
//!
//! - [`ResponseCache`] (`response-cache`): answers repeated GET requests without calling the service again.
//! - [`Timing`] (`timing`): tells clients how long a request took, records latencies and status counts by route (with
//!   the feature `axum`), and logs slow requests.
//! - `Upstream` (`upstream`): typed requests to several servers, balanced over them.
//!
#![cfg_attr(all(feature = "response-cache", feature = "timing"), doc = "```")]
#![cfg_attr(not(all(feature = "response-cache", feature = "timing")), doc = "```ignore")]
//! use axum::{Router, http::header::CACHE_CONTROL, routing::get};
//! use perfect21_http_perf::{ResponseCache, Timing};
//!
//! let cache = ResponseCache::builder().max_bytes(64 << 20).build()?;
//! let timing = Timing::builder().build()?;
//! let app: Router = Router::new()
//!     .route("/", get(|| async { ([(CACHE_CONTROL, "max-age=60")], "hello") }))
//!     // What is added last is outermost: timing, then the cache, then compression and the like.
//!     .layer(cache.layer())
//!     .layer(timing.layer());
//! # Ok::<(), perfect21_core::ConfigError>(())
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "response-cache")]
pub mod response_cache;
#[cfg(feature = "timing")]
pub mod timing;
#[cfg(feature = "upstream")]
pub mod upstream;

pub use perfect21_core::{Clock, ConfigError, LatencySnapshot, Observe, Pressure, Trim, Trimmed};
#[cfg(feature = "response-cache")]
pub use response_cache::ResponseCache;
#[cfg(feature = "timing")]
pub use timing::Timing;
#[cfg(feature = "upstream")]
pub use upstream::Upstream;
