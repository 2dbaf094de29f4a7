//! Measures each request: headers for the client, latencies and status counts by route, a log line for slow ones.
//!
//! ```
//! use axum::{Router, routing::get};
//! use perfect21_http_perf::Timing;
//!
//! let timing = Timing::builder().server_timing(true).build()?;
//! let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(timing.layer());
//! // Answers carry `X-Process-Time: 0.000123` and `Server-Timing: app;dur=0.123`.
//! # Ok::<(), perfect21_core::ConfigError>(())
//! ```
//!
//! What is measured is the time from the call of the service to the head of its answer; a body that is sent in parts
//! takes longer. Put this layer outermost, and outside of a [response cache](crate::ResponseCache) in any case, or the
//! headers of one request are stored and sent to others.
//!
//! Series are told apart by method and, with the feature `axum`, by the route that axum matched (`/users/{id}`): that is
//! known in a layer added by `Router::layer`, not in one around the whole router. A request whose future was dropped
//! before its answer counts as cancelled: mostly, its client left.
//!
//! # Bounds and costs
//! Up to `max_series` series for routes, ten more for requests without one, and one for all the rest; a series takes
//! 0.8 KiB and 0.5 KiB more for each power of two its durations reach. A request reads the clock twice, takes a shared
//! lock for a moment, and allocates only its headers' values.

mod builder;
mod header;
mod series;
mod service;
mod slow;
mod stats;

pub use builder::TimingBuilder;
pub use service::{TimingFuture, TimingLayer, TimingService};
pub use stats::{SeriesStats, Stats};

use perfect21_core::{Clock, Observe, Visitor};
use series::AllSeries;
use slow::SlowLog;
use std::{fmt, sync::Arc, time::Duration};

/// The times of requests, by route; see the [module's page](self) for what is measured.
///
/// A handle: clones, and all layers made of it, count together.
#[derive(Debug, Clone)]
pub struct Timing {
    shared: Arc<Shared>,
}

struct Shared {
    process_time: bool,
    server_timing: bool,
    slow: Duration,
    clock: Arc<dyn Clock>,
    series: AllSeries,
    slow_log: SlowLog,
}

impl Timing {
    /// Starts with the default settings: `X-Process-Time` only, slow from one second.
    pub fn builder() -> TimingBuilder {
        TimingBuilder::new()
    }

    /// A layer for axum's `Router::layer`, or around any service of `http` requests.
    #[must_use]
    pub fn layer(&self) -> TimingLayer {
        TimingLayer { shared: Arc::clone(&self.shared) }
    }

    /// What happened so far, series by series: those of routes by route, then the others.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.series.stats()
    }
}

impl Observe for Timing {
    fn observe(&self, visitor: &mut dyn Visitor) {
        stats::observe(&self.stats(), visitor);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timing")
            .field("process_time", &self.process_time)
            .field("server_timing", &self.server_timing)
            .field("slow", &self.slow)
            .finish_non_exhaustive()
    }
}
