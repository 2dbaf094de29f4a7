use perfect21_core::{LatencySnapshot, Metric, Unit, Visitor};
use std::sync::Arc;

/// What happened in a [`Timing`](super::Timing) since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// One for each method of each route, then those without a route (`unmatched`), then the rest (`other`).
    pub series: Vec<SeriesStats>,
}

/// What happened to the requests of one method of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeriesStats {
    /// The method; `other` for one that HTTP does not define.
    pub method: &'static str,
    /// The route as the service declared it, `unmatched` or `other`.
    pub route: Arc<str>,
    /// The times from call to answer, of answers and errors.
    pub latency: LatencySnapshot,
    /// Answers by the first digit of their status: 1xx to 5xx, and those that have another.
    pub statuses: [u64; 6],
    /// Requests that the service answered with an error of its own type instead of a response.
    pub failed: u64,
    /// Requests whose future was dropped before the answer.
    pub cancelled: u64,
    /// Requests that were slow.
    pub slow: u64,
}

const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];

const DURATION: Metric = Metric::new("http_request_duration", Unit::Seconds, "Time from call to answer.");
const REQUESTS: Metric = Metric::new("http_requests", Unit::Count, "Requests answered, by class of status.");
const FAILED: Metric =
    Metric::new("http_requests_failed", Unit::Count, "Requests that got an error, no answer.");
const CANCELLED: Metric =
    Metric::new("http_requests_cancelled", Unit::Count, "Requests whose client left before the answer.");
const SLOW: Metric = Metric::new("http_requests_slow", Unit::Count, "Requests that were slow.");

pub(super) fn observe(stats: &Stats, visitor: &mut dyn Visitor) {
    for series in &stats.series {
        let [method, route] = [("method", series.method), ("route", &*series.route)];
        visitor.latency(&DURATION, &[method, route], &series.latency);
        for (class, total) in CLASSES.into_iter().zip(series.statuses).filter(|(_, total)| *total > 0) {
            visitor.counter(&REQUESTS, &[method, route, ("status", class)], total);
        }
        for (metric, total) in
            [(&FAILED, series.failed), (&CANCELLED, series.cancelled), (&SLOW, series.slow)]
        {
            visitor.counter(metric, &[method, route], total);
        }
    }
}
