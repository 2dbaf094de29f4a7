//! Requests spread over endpoints: where the next one waits least.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use perfect21_concurrency::Balancer;
//!
//! async fn ask(url: &str) -> Result<String, std::io::Error> {
//!     Ok(format!("hello from {url}"))
//! }
//!
//! let servers = Balancer::new(["http://10.0.0.1", "http://10.0.0.2", "http://10.0.0.3"])?;
//!
//! let server = servers.pick()?;          // by hand: a guard that is told how it went
//! match ask(server.endpoint()).await {
//!     Ok(_) => server.success(),
//!     Err(_) => server.failure(),
//! }
//!
//! let answer = servers.run(|server| async move { ask(&server).await }).await?; // or with retries elsewhere
//! assert!(answer.starts_with("hello"));
//! # Ok(())
//! # }
//! ```
//!
//! # How it picks
//! Two endpoints are drawn, and the one that costs less is taken (*power of two choices*,
//! Mitzenmacher 2001): its estimated latency ([peak EWMA](Policy::PeakEwma)) times the requests
//! that would wait there, by its weight. That takes no lock and the same time for ten endpoints as
//! for a thousand, and never sends all to the one that looks best. A new endpoint gets a growing
//! share of the requests from its first second, whatever the others' latency.
//!
//! Latencies are of successful answers. The share of an endpoint's recent requests that failed,
//! times [what a failure costs](BalancerBuilder::failure_penalty), is added to the latency, so that
//! a server that fails fast does not look fast, and failures that all endpoints have change
//! nothing. An endpoint that fails too often is *ejected* for a while, no more than [a
//! share](BalancerBuilder::max_ejected) of all; when its time is over, one request finds out
//! whether it is well, and then it starts slowly. Where nobody is left, all are asked: no answer
//! would be worse.
//!
//! # Bounds
//! As many endpoints as are put in; about 400 bytes each. Nothing is kept of a request but its guard.

mod builder;
mod calls;
mod check;
mod endpoint;
mod estimate;
mod health;
mod inner;
mod layer;
mod pick;
mod retry;
mod set;
mod stats;
mod target;
mod tuning;
mod window;

pub use builder::{BalancerBuilder, Policy};
pub use layer::{BalanceFuture, BalanceLayer, BalanceService, Balanced};
pub use pick::Pick;
pub use retry::{RunError, Verdict};
pub use stats::{EndpointState, EndpointStats};
pub use target::Target;

use endpoint::Endpoint;
use inner::Inner;
use perfect21_core::ConfigError;
use set::Slot;
use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
};

/// Spreads requests over endpoints of any type: addresses, clients, services. See the [module's page](self).
///
/// A handle: clones share the endpoints.
pub struct Balancer<E> {
    inner: Arc<Inner<E>>,
}

/// An endpoint of one balancer, as long as that lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(u64);

/// There is no endpoint to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoEndpoint {
    /// The balancer has none.
    #[error("the balancer has no endpoints: insert one")]
    Empty,
    /// Each was tried by this request already.
    #[error("all {endpoints} endpoints were tried")]
    AllTried {
        /// How many there are.
        endpoints: usize,
    },
}

impl<E> Balancer<E> {
    /// Over these endpoints, with the default settings.
    ///
    /// # Errors
    /// None with the default settings.
    pub fn new(endpoints: impl IntoIterator<Item = E>) -> Result<Self, ConfigError> {
        Self::builder(endpoints).build()
    }

    /// Starts with these endpoints, of weight one.
    ///
    /// Keeps every endpoint of the list: one that is listed twice gets two shares.
    /// [`replace`](Self::replace), which compares endpoints, keeps one of each.
    pub fn builder(endpoints: impl IntoIterator<Item = E>) -> BalancerBuilder<E> {
        BalancerBuilder::new(endpoints)
    }

    /// Picks the endpoint for the next request. Does not wait, and takes no lock except in the
    /// first call after an [insertion](Self::insert).
    ///
    /// # Errors
    /// If there are no endpoints.
    pub fn pick(&self) -> Result<Pick<E>, NoEndpoint> {
        self.pick_other(&[])
    }

    /// As [`pick`](Self::pick), but none of those that this request has tried.
    ///
    /// # Errors
    /// If there are no endpoints, or all were tried.
    pub fn pick_other(&self, tried: &[EndpointId]) -> Result<Pick<E>, NoEndpoint> {
        let set = self.inner.set();
        let (endpoint, probes) = self.inner.choose(&set, tried)?;
        Ok(Pick::new(Arc::clone(endpoint), probes))
    }

    /// Adds an endpoint, which starts slowly. A weight of two takes twice the requests of one.
    ///
    /// An endpoint equal to another one is an endpoint of its own, with a share of its own.
    ///
    /// # Performance
    /// Locks briefly. The next call that looks at the endpoints copies their list once for all
    /// insertions before it: a thousand insertions in a row cost one copy of the list.
    ///
    /// # Errors
    /// If the weight is not a number above zero.
    pub fn insert(&self, endpoint: E, weight: f64) -> Result<EndpointId, ConfigError> {
        check_weight(weight)?;
        let id = EndpointId(self.inner.next_id.fetch_add(1, Relaxed));
        let (tuning, home) = (&self.inner.tuning, Arc::downgrade(&self.inner));
        let endpoint = Arc::new(Endpoint::new(id, endpoint, tuning.now_ms().max(1), tuning, &home));
        self.inner.insert(Slot { endpoint, weight });
        Ok(id)
    }

    /// Takes an endpoint out; requests that it has go on. Says whether it was there.
    #[allow(clippy::must_use_candidate, reason = "mostly called for what it does")]
    pub fn remove(&self, id: EndpointId) -> bool {
        self.inner.change(|slots| {
            let before = slots.len();
            slots.retain(|slot| slot.endpoint.id != id);
            slots.len() < before
        })
    }

    /// Gives an endpoint another weight; says whether it is there.
    ///
    /// # Errors
    /// If the weight is not a number above zero.
    pub fn set_weight(&self, id: EndpointId, weight: f64) -> Result<bool, ConfigError> {
        check_weight(weight)?;
        Ok(self.inner.change(|slots| {
            let slot = slots.iter_mut().find(|slot| slot.endpoint.id == id);
            slot.map(|slot| slot.weight = weight).is_some()
        }))
    }

    /// Makes these the endpoints, as a look-up of names or a registry gives them: those that stay
    /// keep their weight and what is known of them, others go, and new ones start slowly. An
    /// endpoint that is listed twice is added once.
    pub fn replace(&self, endpoints: impl IntoIterator<Item = E>)
    where
        E: PartialEq,
    {
        let endpoints: Vec<E> = endpoints.into_iter().collect();
        let (tuning, next_id) = (&self.inner.tuning, &self.inner.next_id);
        let home = Arc::downgrade(&self.inner);
        self.inner.change(|slots| {
            slots.retain(|slot| endpoints.contains(&slot.endpoint.value));
            for endpoint in endpoints {
                if slots.iter().any(|slot| slot.endpoint.value == endpoint) {
                    continue;
                }
                let id = EndpointId(next_id.fetch_add(1, Relaxed));
                let endpoint = Arc::new(Endpoint::new(id, endpoint, tuning.now_ms().max(1), tuning, &home));
                slots.push(Slot { endpoint, weight: 1.0 });
            }
        });
    }

    /// How many endpoints there are, whatever their state.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.set().slots().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn check_weight(weight: f64) -> Result<(), ConfigError> {
    if weight > 0.0 && weight.is_finite() {
        return Ok(());
    }
    Err(ConfigError::new("weight", weight, "must be a number above zero"))
}

impl<E> Clone for Balancer<E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<E> fmt::Debug for Balancer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer")
            .field("name", &self.inner.name)
            .field("endpoints", &self.len())
            .finish_non_exhaustive()
    }
}
