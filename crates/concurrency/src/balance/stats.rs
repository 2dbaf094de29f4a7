use super::{Balancer, EndpointId, health::State};
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};
use std::{sync::atomic::Ordering::Relaxed, time::Duration};

/// What an endpoint is called in metrics.
pub(super) type Label<E> = Box<dyn Fn(EndpointId, &E) -> String + Send + Sync>;

/// What is known of an endpoint of a [`Balancer`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Which one.
    pub id: EndpointId,
    /// What it is called in metrics.
    pub label: String,
    /// Its share, beside those of the others.
    pub weight: f64,
    /// Whether it is asked.
    pub state: EndpointState,
    /// Requests that it has now.
    pub in_flight: u64,
    /// The estimated latency of its successful answers; the usual one of all endpoints before the
    /// first answer.
    pub latency: Duration,
    /// Requests that it got.
    pub picks: u64,
    /// Those that went well.
    pub successes: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those that were given up.
    pub given_up: u64,
    /// How often it was ejected, not counting failed probes.
    pub ejections: u64,
}

/// Whether an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointState {
    /// It is.
    Available,
    /// It is out for a while, as it failed too often.
    Ejected,
    /// One request is finding out whether it is well again.
    Probed,
    /// The health check found it down.
    Down,
}

impl<E> Balancer<E> {
    /// What is known of each endpoint.
    #[must_use]
    pub fn stats(&self) -> Vec<EndpointStats> {
        let set = self.inner.set();
        let stats = set.slots().iter().map(|slot| {
            let endpoint = &slot.endpoint;
            let state = match endpoint.health.state() {
                State::Ejected { .. } => EndpointState::Ejected,
                State::Probed => EndpointState::Probed,
                State::Available { .. } if endpoint.health.is_down() => EndpointState::Down,
                State::Available { .. } => EndpointState::Available,
            };
            let (failures, (over, given_up)) = (endpoint.failures.load(Relaxed), endpoint.calls.over());
            let in_flight = u64::from(endpoint.calls.in_flight());
            EndpointStats {
                id: endpoint.id,
                label: (self.inner.label)(endpoint.id, &endpoint.value),
                weight: slot.weight,
                state,
                in_flight,
                latency: endpoint.latency(),
                picks: over + in_flight,
                successes: over.saturating_sub(failures + given_up),
                failures,
                given_up,
                ejections: endpoint.ejections.load(Relaxed),
            }
        });
        stats.collect()
    }
}

const REQUESTS: Metric =
    Metric::new("balancer_requests", Unit::Count, "Requests that an endpoint got, by how they went.");
const EJECTIONS: Metric =
    Metric::new("balancer_ejections", Unit::Count, "Times that an endpoint was ejected.");
const IN_FLIGHT: Metric =
    Metric::new("balancer_in_flight", Unit::Count, "Requests that an endpoint has now.");
const LATENCY: Metric =
    Metric::new("balancer_latency", Unit::Seconds, "How long an endpoint is taken to need for an answer.");
const AVAILABLE: Metric = Metric::new("balancer_available", Unit::Count, "Whether an endpoint is asked.");

/// With two labels, the balancer's name and the endpoint's: as many series as there are endpoints.
impl<E: Send + Sync> Observe for Balancer<E> {
    #[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
    fn observe(&self, visitor: &mut dyn Visitor) {
        for stats in self.stats() {
            let labels = [("balancer", &*self.inner.name), ("endpoint", &*stats.label)];
            let [balancer, endpoint] = labels;
            for (result, total) in
                [("success", stats.successes), ("failure", stats.failures), ("given_up", stats.given_up)]
            {
                visitor.counter(&REQUESTS, &[balancer, endpoint, ("result", result)], total);
            }
            visitor.counter(&EJECTIONS, &labels, stats.ejections);
            visitor.gauge(&IN_FLIGHT, &labels, Reading::now(stats.in_flight as f64));
            visitor.gauge(&LATENCY, &labels, Reading::now(stats.latency.as_secs_f64()));
            let available = stats.state == EndpointState::Available;
            visitor.gauge(&AVAILABLE, &labels, Reading::now(f64::from(u8::from(available))));
        }
    }
}
