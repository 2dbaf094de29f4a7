//! Answers repeated GET requests without calling the service again, and never with somebody else's answer.
//!
//! ```
//! use axum::{Router, http::header::CACHE_CONTROL, routing::get};
//! use perfect21_http_perf::ResponseCache;
//!
//! let cache = ResponseCache::builder().max_entries(1000).max_bytes(16 << 20).build()?;
//! let app: Router = Router::new()
//!     .route("/products", get(|| async { ([(CACHE_CONTROL, "max-age=60")], "all of them") }))
//!     .layer(cache.layer());
//! # Ok::<(), perfect21_core::ConfigError>(())
//! ```
//!
//! # What is stored
//! Only what the service says may be: the answer to a GET, with status 200 and `Cache-Control: max-age` or `s-maxage`
//! above zero. Never:
//!
//! - where the request has `Authorization`, `Cookie`, `Range` or a precondition, a body, or `Cache-Control: no-store`;
//! - where the answer has `Set-Cookie`, `private`, `no-store`, `no-cache`, a `Vary` that names more than
//!   `Accept-Encoding`, or a `Cache-Control` that contradicts itself.
//!
//! The key is authority, path, query and the encodings that the client takes, so put this layer *outside* of
//! compression: a page is then compressed once for each set of encodings. Whatever else a handler looks at (a language,
//! a forwarded host, an origin) it must name in `Vary`, and is then not stored; a layer that adds such headers to
//! each answer (CORS, request ids, timing) belongs outside of this one.
//!
//! # What a client can do
//! A request with `Cache-Control: no-cache` or `max-age=0` goes to the service, and its answer replaces the stored one.
//! `max-age` and `min-fresh` are obeyed. A HEAD is answered from what a GET has stored; `If-None-Match` and
//! `If-Modified-Since` get a 304. Any other method, unless it fails with 4xx or 5xx, takes the answers of its URI away,
//! those that are under way included. `X-Cache` says `HIT`, `MISS` or `BYPASS`, and `Age` how old a hit is.
//!
//! # At the same time
//! Of requests for one missing page one calls the service, and the others wait for the complete answer: at most
//! `max_wait`, and not at all where a moment ago it was not storable. When the one leaves, another calls. The body
//! reaches its client while it comes; one that ends in an error or too early is not stored.
//!
//! # Bounds and costs
//! `max_entries` and `max_bytes` hold at every instant; bodies that are being read hold up to `max_filling_bytes`
//! beside them. 60 KiB of fixed tables. A hit costs one allocation for its key, one lock for a moment, and a clone of
//! the headers. A request that waits needs tokio's timer, nothing else a runtime.

mod answer;
mod body;
mod builder;
mod directives;
mod encoding;
mod fill;
mod key;
mod memo;
mod request;
mod service;
mod shared;
mod stats;
mod steps;
mod stored;
mod validator;

pub use body::CacheBody;
pub use builder::ResponseCacheBuilder;
pub use service::{ResponseCacheLayer, ResponseCacheService, ResponseFuture};
pub use stats::{Refusal, Stats};

use encoding::Encodings;
use http::uri::PathAndQuery;
use perfect21_core::{Observe, Pressure, Trim, Trimmed, Visitor};
use shared::Shared;
use std::sync::Arc;

/// A store of answers for one or many routes; see the [module's page](self) for what it stores.
///
/// A handle: clones, and all layers made of it, share the answers.
#[derive(Debug, Clone)]
pub struct ResponseCache {
    shared: Arc<Shared>,
}

impl ResponseCache {
    /// Starts with the default settings: 10 000 answers, 64 MiB, bodies up to 1 MiB.
    pub fn builder() -> ResponseCacheBuilder {
        ResponseCacheBuilder::new()
    }

    /// A layer for axum's `Router::layer`, or around any service of `http` requests.
    #[must_use]
    pub fn layer(&self) -> ResponseCacheLayer {
        ResponseCacheLayer { shared: Arc::clone(&self.shared) }
    }

    /// Takes the answers under this URI away, in every encoding, and keeps those under way from being stored: for a
    /// change that came by another way than a request to the same URI.
    ///
    /// `authority` is what clients call the service, as in `Host`.
    ///
    /// ```
    /// use http::uri::PathAndQuery;
    /// use perfect21_http_perf::ResponseCache;
    ///
    /// let cache = ResponseCache::builder().build()?;
    /// cache.invalidate("shop.example", &PathAndQuery::from_static("/products?page=1"));
    /// # Ok::<(), perfect21_core::ConfigError>(())
    /// ```
    pub fn invalidate(&self, authority: &str, path_and_query: &PathAndQuery) {
        // No key can be made of what no request can be stored under.
        if let Some(key) = key::Key::new(authority, path_and_query, Encodings::NONE) {
            self.shared.change(key);
        }
    }

    /// Takes all answers away, and keeps those under way from being stored.
    pub fn clear(&self) {
        self.shared.clear();
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl Observe for ResponseCache {
    fn observe(&self, visitor: &mut dyn Visitor) {
        stats::observe(&self.stats(), self.shared.store.name(), visitor);
    }
}

/// Gives back stored answers as [`Cache`](perfect21_smart_cache::Cache) does.
impl Trim for ResponseCache {
    fn name(&self) -> &str {
        self.shared.store.name()
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        self.shared.store.trim(pressure)
    }
}
