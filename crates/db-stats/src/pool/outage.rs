use crate::{connect::ConnectError, connection::Conn};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

pub(crate) type Answer = Result<Box<Conn>, Arc<ConnectError>>;

/// Callers that wait for a connection to be opened, in order of arrival, and what is being done for them.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// At most one a place of the pool, and those that were given up since the last arrival.
    pub asking: VecDeque<oneshot::Sender<Answer>>,
    /// Attempts under way.
    pub opening: usize,
    /// Opened, and the caller was gone by then; or opened ahead of need.
    #[expect(clippy::vec_box, reason = "it goes on in its box")]
    pub ready: Vec<Box<Conn>>,
    /// How many are to be opened ahead of need.
    pub ahead: usize,
    pub outage: Option<Outage>,
}

/// The server is not reached.
#[derive(Debug, Clone)]
pub(crate) struct Outage {
    pub since: Instant,
    pub cause: Arc<ConnectError>,
    failures: u32,
    next: Instant,
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const SHORT_PAUSE: Duration = Duration::from_millis(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Line {
    /// An attempt failed.
    pub(crate) fn failed(&mut self, cause: Arc<ConnectError>, now: Instant) {
        let (since, failures) = match &self.outage {
            Some(outage) => (outage.since, outage.failures.saturating_add(1)),
            None => (now, 0),
        };
        let pause =
            pause(failures, now.saturating_duration_since(since)).mul_f64(0.8 + 0.2 * fastrand::f64());
        self.outage = Some(Outage { since, cause, failures, next: now + pause });
    }

    /// How long the next attempt has to wait.
    pub(crate) fn pause(&self, now: Instant) -> Duration {
        self.outage.as_ref().map_or(Duration::ZERO, |outage| outage.next.saturating_duration_since(now))
    }

    /// How many may try at once: in an outage one tries for all.
    pub(crate) fn width(&self) -> usize {
        const WIDTH: usize = 8;
        if self.outage.is_some() { 1 } else { WIDTH }
    }
}

/// 10 ms, doubled to 30 ms, then an eightieth of the outage, at most 1 s: after a short outage the server is found again
/// within 50 ms, and a long one costs an attempt a second.
fn pause(failures: u32, age: Duration) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.min(10));
    doubled.min(SHORT_PAUSE.max(age / 80)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_the_outage() {
        for (failures, age, expected) in [
            (0, 0, 10),
            (1, 10, 20),
            (2, 30, 30),
            (3, 70, 30),
            (30, 1_500, 30),
            (60, 8_000, 100),
            (500, 900_000, 1_000),
        ] {
            let pause = pause(failures, Duration::from_millis(age));
            assert_eq!(pause, Duration::from_millis(expected), "{failures} failures in {age} ms");
        }
    }

    #[test]
    fn an_outage_keeps_its_beginning_and_lets_one_try() {
        let mut line = Line::default();
        let begin = Instant::now();
        assert!(line.width() > 1);
        assert_eq!(line.pause(begin), Duration::ZERO);
        for after in [0, 100, 200] {
            line.failed(Arc::new(ConnectError::NoHost), begin + Duration::from_millis(after));
        }
        let outage = line.outage.clone().unwrap();
        assert_eq!((outage.since, outage.failures, line.width()), (begin, 2, 1));
        let pause = line.pause(begin + Duration::from_millis(200));
        assert!((Duration::from_millis(24)..=Duration::from_millis(30)).contains(&pause), "{pause:?}");
    }
}
