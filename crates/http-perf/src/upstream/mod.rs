//! Typed requests to several servers, balanced over them.
//!
//! An [`Upstream`] is any client of the `http` ecosystem behind a [`Balancer`]: it asks the server that waits least, reads
//! the answer's JSON, and where a server fails asks another one, if the request may be made twice.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use perfect21_http_perf::upstream::{Origin, Upstream};
//!
//! let servers = ["http://10.0.0.1:8080", "http://10.0.0.2:8080"].map(|server| server.parse::<Origin>());
//! let servers = servers.into_iter().collect::<Result<Vec<_>, _>>()?;
//! let client = Client::builder(TokioExecutor::new()).build_http();
//! let inventory = Upstream::builder(perfect21_concurrency::Balancer::new(servers)?, client).build()?;
//!
//! let stock: u64 = inventory.get("/stock/7").send().await?;
//! let order: u64 = inventory.post("/orders").json(&["a pen"]).idempotent(true).send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What an answer says of its server
//! No answer in time, a connection that fails or ends, and the statuses 500, 502 and 504 are failures of the server; 429 and
//! 503 say that it has too much, for as long as `Retry-After` tells. All other statuses say that it does well. A failure
//! is retried elsewhere within the balancer's retry budget, if the method is idempotent (RFC 9110, section 9.2.2) or
//! [`idempotent`](Request::idempotent) says so. What was sent with a request is kept until its end for that.
//!
//! # Bounds
//! An answer is read up to `max_body` bytes (default: 2 MiB); each try has `timeout` (default: 30 s), its body included.
//! How many requests run at once is bounded by a [`Limit`](perfect21_concurrency::Limit) around them, or the client.

mod builder;
mod error;
mod origin;
mod request;
mod send;

pub use builder::UpstreamBuilder;
pub use error::UpstreamError;
pub use origin::{BadOrigin, Origin};
pub use request::Request;

use http::Method;
use perfect21_concurrency::Balancer;
use std::{fmt, time::Duration};

/// Several servers that answer alike, behind one client; see the [module's page](self).
///
/// Clones share the balancer; the client is cloned for each request, as those of hyper and tower are made for.
#[derive(Clone)]
pub struct Upstream<C> {
    balancer: Balancer<Origin>,
    client: C,
    timeout: Duration,
    max_body: usize,
}

impl<C> Upstream<C> {
    /// Starts with the default settings. `client` is a tower service of requests with `Full<Bytes>` bodies, such as
    /// hyper-util's.
    pub fn builder(balancer: Balancer<Origin>, client: C) -> UpstreamBuilder<C> {
        UpstreamBuilder::new(balancer, client)
    }

    /// A request of any method; `path` with its query.
    pub fn request(&self, method: Method, path: &str) -> Request<'_, C> {
        Request::new(self, method, path)
    }

    /// A GET request.
    pub fn get(&self, path: &str) -> Request<'_, C> {
        self.request(Method::GET, path)
    }

    /// A POST request, which is asked once, unless [`idempotent`](Request::idempotent) says that it may be twice.
    pub fn post(&self, path: &str) -> Request<'_, C> {
        self.request(Method::POST, path)
    }

    /// The servers, to add, remove and look at them.
    #[must_use]
    pub fn balancer(&self) -> &Balancer<Origin> {
        &self.balancer
    }
}

impl<C> fmt::Debug for Upstream<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("balancer", &self.balancer)
            .field("timeout", &self.timeout)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}
