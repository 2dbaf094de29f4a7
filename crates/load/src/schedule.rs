use crate::plan::Mode;
use std::time::{Duration, Instant};

/// Leave to send one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// When it is meant to be sent; its latency counts from here.
    pub(crate) due: Instant,
    /// False during the warm-up.
    pub(crate) measured: bool,
}

/// Which request is due when. Pure: time comes in as an argument, and tickets come out in the order they are due.
#[derive(Debug)]
pub(crate) struct Schedule {
    mode: Mode,
    start: Instant,
    measure_from: Instant,
    end: Option<Instant>,
    limit: u64,
    warm_ups: u64,
    issued: u64,
    stopped: bool,
}

impl Schedule {
    pub(crate) fn new(
        mode: Mode,
        start: Instant,
        warm_up: Duration,
        duration: Option<Duration>,
        requests: Option<u64>,
    ) -> Self {
        let measure_from = start + warm_up;
        Self {
            mode,
            start,
            measure_from,
            end: duration.map(|duration| measure_from + duration),
            limit: requests.unwrap_or(u64::MAX),
            warm_ups: 0,
            issued: 0,
            stopped: false,
        }
    }

    /// The next ticket, for a connection that is free at `now`; `None` when no more is to be sent.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Ticket> {
        if self.stopped {
            return None;
        }
        if now < self.measure_from {
            let due = self.due(self.start, self.warm_ups, now);
            // A warm-up that fell behind leaves no backlog to the measurement.
            if due < self.measure_from {
                self.warm_ups += 1;
                return Some(Ticket { due, measured: false });
            }
        }
        let due = self.due(self.measure_from, self.issued, now);
        if self.exhausted() || self.end.is_some_and(|end| now >= end || due >= end) {
            return None;
        }
        self.issued += 1;
        Some(Ticket { due, measured: true })
    }

    /// No more tickets from `now` on.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.stopped = true;
        self.end = Some(self.end.map_or(now, |end| end.min(now)));
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Whether the number of requests has been handed out.
    fn exhausted(&self) -> bool {
        self.issued >= self.limit
    }

    /// How many measured tickets have been handed out.
    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }

    /// How many measured tickets there are at most.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn measure_from(&self) -> Instant {
        self.measure_from
    }

    /// When the last request may be sent, if time is what ends the run.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.end
    }

    /// How many measured requests were due before `time`; in closed mode none ever is.
    pub(crate) fn due_before(&self, time: Instant) -> u64 {
        let time = self.end.map_or(time, |end| end.min(time));
        match self.mode {
            Mode::Closed => 0,
            Mode::Open { rate } => {
                let seconds = time.saturating_duration_since(self.measure_from).as_secs_f64();
                // The millionth keeps a product such as 600.0000000001 from counting one too many.
                let due = (seconds * rate - 1e-6).ceil().max(0.0);
                (due as u64).min(self.limit)
            }
        }
    }

    fn due(&self, base: Instant, index: u64, now: Instant) -> Instant {
        match self.mode {
            Mode::Closed => now,
            // From the start each time, so that rounding does not add up.
            Mode::Open { rate } => base + Duration::from_nanos((index as f64 * 1e9 / rate) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn open(rate: f64, warm_up: Duration, duration: Duration) -> (Instant, Schedule) {
        let start = Instant::now();
        (start, Schedule::new(Mode::Open { rate }, start, warm_up, Some(duration), None))
    }

    #[test]
    fn an_open_run_hands_out_rate_times_duration() {
        for (rate, seconds, count) in
            [(1000.0, 2.0, 2000), (300.0, 20.0, 6000), (3.0, 1.0, 3), (0.5, 1.0, 1), (997.3, 10.0, 9973)]
        {
            let duration = Duration::from_secs_f64(seconds);
            let (start, mut schedule) = open(rate, Duration::ZERO, duration);
            let tickets: Vec<_> = std::iter::from_fn(|| schedule.take(start)).collect();
            assert_eq!(tickets.len(), count, "{rate} × {seconds}");
            assert!(tickets.iter().all(|t| t.due < start + duration));
            assert!(tickets.is_sorted_by(|a, b| a.due <= b.due));
            assert_eq!(schedule.due_before(start + 2 * duration), count as u64);
        }
    }

    #[test]
    fn a_warm_up_that_fell_behind_leaves_no_backlog() {
        let (start, mut schedule) = open(10.0, SECOND, SECOND);
        assert_eq!(schedule.take(start), Some(Ticket { due: start, measured: false }));
        let first = schedule.take(start + SECOND).unwrap();
        assert_eq!(first, Ticket { due: start + SECOND, measured: true });
        assert_eq!(schedule.due_before(start + SECOND), 0);
    }

    #[test]
    fn a_free_connection_may_wait_for_the_first_measured_ticket_during_the_warm_up() {
        let (start, mut schedule) = open(10.0, SECOND, SECOND);
        let tickets: Vec<_> = std::iter::from_fn(|| schedule.take(start)).collect();
        assert_eq!(tickets.iter().filter(|t| t.measured).count(), 10);
        assert_eq!(tickets.len(), 20);
    }

    #[test]
    fn overdue_tickets_are_handed_out_until_the_end_and_then_no_more() {
        let (start, mut schedule) = open(10.0, Duration::ZERO, SECOND);
        let now = start + Duration::from_millis(450);
        assert_eq!(schedule.take(now).unwrap().due, start);
        assert_eq!(schedule.due_before(now), 5);
        assert_eq!(schedule.take(start + SECOND), None);
        assert_eq!(schedule.due_before(start + SECOND), 10);
    }

    #[test]
    fn stopping_ends_it_there() {
        let (start, mut schedule) = open(10.0, Duration::ZERO, SECOND);
        let now = start + Duration::from_millis(250);
        schedule.stop(now);
        assert_eq!((schedule.take(now), schedule.end()), (None, Some(now)));
        assert_eq!(schedule.due_before(start + SECOND), 3);
    }

    #[test]
    fn a_number_of_requests_bounds_both_modes() {
        let start = Instant::now();
        for mode in [Mode::Closed, Mode::Open { rate: 1e6 }] {
            let mut schedule = Schedule::new(mode, start, Duration::ZERO, None, Some(7));
            assert_eq!(std::iter::from_fn(|| schedule.take(start)).count(), 7);
            assert!(schedule.exhausted());
        }
    }
}
