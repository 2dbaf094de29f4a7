//! A server that stalls shows in the latency of every request that was due meanwhile, and not only of those in flight.

use crate::server::{HELLO, Server, Then};
use perfect21_load::{Plan, RequestList, Run};
use std::{
    error::Error,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

const STALL: Duration = Duration::from_millis(500);
const STALLS_AT: [Duration; 2] = [Duration::from_millis(1000), Duration::from_millis(3500)];
const DURATION: Duration = Duration::from_secs(5);
const RATE: f64 = 300.0;

/// The longest latency that a share `q` of requests at a constant rate does not exceed. In a stall of length S the
/// time to wait falls evenly from S to 0, so with n of them in a run of length T: P(L > x) = n (S − x) / T.
fn exact(q: f64) -> f64 {
    STALL.as_secs_f64() - (1.0 - q) * DURATION.as_secs_f64() / STALLS_AT.len() as f64
}

/// When each request came and when its answer was written.
#[derive(Default)]
struct Seen {
    start: Option<Instant>,
    arrived: Vec<f64>,
    answered: Vec<f64>,
}

impl Seen {
    /// What the server saw of the same latencies: on a busy machine it is stalled by more than the script.
    fn quantile(&mut self, q: f64) -> f64 {
        let due = |i: usize| i as f64 / RATE;
        self.arrived.sort_by(f64::total_cmp);
        self.answered.sort_by(f64::total_cmp);
        // No request comes before it is due, and the one with the least delay tells when the first one was.
        let arrivals = self.arrived.iter().enumerate();
        let start = arrivals.map(|(i, arrived)| arrived - due(i)).min_by(f64::total_cmp).unwrap_or_default();
        let answers = self.answered.iter().enumerate();
        let mut latencies: Vec<f64> = answers.map(|(i, answered)| answered - start - due(i)).collect();
        latencies.sort_by(f64::total_cmp);
        latencies[((q * latencies.len() as f64).ceil() as usize).saturating_sub(1)]
    }
}

#[test]
fn latency_counts_from_when_a_request_was_due() -> Result<(), Box<dyn Error>> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let server = Server::start({
        let seen = Arc::clone(&seen);
        move |_, stream| {
            let seen = || seen.lock().unwrap_or_else(PoisonError::into_inner);
            let start = *seen().start.get_or_insert_with(Instant::now);
            let now = start.elapsed();
            seen().arrived.push(now.as_secs_f64());
            // All connections stall together, as when the event loop of a server is blocked.
            for at in STALLS_AT.into_iter().filter(|at| (*at..*at + STALL).contains(&now)) {
                thread::sleep((at + STALL).saturating_sub(start.elapsed()));
            }
            seen().answered.push(start.elapsed().as_secs_f64());
            let _ = stream.write_all(HELLO);
            Then::KeepOpen
        }
    });
    let plan = Plan::open(RATE).connections(10).duration(DURATION).build()?;
    let list = RequestList::builder("test").get("/").build()?;
    let report = Run::start(plan, server.address, list)?.join()?;

    assert_eq!((report.sent, report.completed, report.unsent), (1500, 1500, 0), "{report}");
    for (q, measured) in [(0.9, report.latency.p90), (0.95, report.latency.p95), (0.99, report.latency.p99)] {
        let (measured, exact) = (measured.as_secs_f64(), exact(q));
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).quantile(q);
        // A busy machine can only add to what the formula says, and what it adds the server has seen too.
        assert!(measured > exact * 0.95, "{q}: {measured} instead of {exact}\n{report}");
        assert!((measured - seen).abs() < seen * 0.05 + 0.015, "{q}: {measured}, but {seen} seen\n{report}");
    }
    // Ten requests a stall were in flight; the others waited for a connection, which the service time hides.
    assert!(report.service.p90 < report.latency.p90 / 4, "{report}");
    assert!(report.late > 200, "{report}");
    Ok(())
}
