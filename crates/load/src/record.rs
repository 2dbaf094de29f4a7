use crate::{
    engine::response::Response,
    intervals::Intervals,
    plan::Mode,
    report::{ErrorCounts, HeaderCount, Interval, Quantiles, Report},
    schedule::Ticket,
};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// A request sent later than this counts as late.
const LATE: Duration = Duration::from_millis(1);
/// The longest latency that is told apart: an hour.
const LONGEST_NANOS: u64 = 3_600_000_000_000;

/// Why a request got no good answer, apart from its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Connect,
    Timeout,
    Closed,
    Malformed,
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) ticket: Ticket,
    pub(crate) first_pass: bool,
    /// When its bytes were given to the system, if they were.
    pub(crate) sent: Option<Instant>,
    pub(crate) ended: Instant,
    pub(crate) bytes_in: u64,
    pub(crate) result: Result<Response, Failure>,
}

/// Everything that is kept of the requests; its size does not depend on their number.
#[derive(Debug)]
pub(crate) struct Recorder {
    mode: Mode,
    pub(crate) sent: u64,
    pub(crate) completed: u64,
    drained: u64,
    /// When sending ends, once that is known.
    pub(crate) sending_ends: Option<Instant>,
    pub(crate) errors: ErrorCounts,
    statuses: Box<[u64; 1000]>,
    late: u64,
    pub(crate) reconnects: u64,
    bytes_in: u64,
    latency: Histogram<u64>,
    service: Histogram<u64>,
    intervals: Intervals,
    first_pass: HeaderCount,
    later_passes: HeaderCount,
    last_end: Instant,
}

/// Three digits from a nanosecond to an hour: 270 KiB, whatever it holds.
pub(crate) fn histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LONGEST_NANOS, 3) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("the bounds are constants: {error}"),
    }
}

impl Recorder {
    pub(crate) fn new(mode: Mode, measure_from: Instant) -> Self {
        Self {
            mode,
            sent: 0,
            completed: 0,
            drained: 0,
            sending_ends: None,
            errors: ErrorCounts::default(),
            statuses: Box::new([0; 1000]),
            late: 0,
            reconnects: 0,
            bytes_in: 0,
            latency: histogram(),
            service: histogram(),
            intervals: Intervals::new(measure_from),
            first_pass: HeaderCount::default(),
            later_passes: HeaderCount::default(),
            last_end: measure_from,
        }
    }

    /// A measured request is attempted from now on.
    pub(crate) fn attempt(&mut self, due: Instant, now: Instant) {
        self.sent += 1;
        if matches!(self.mode, Mode::Open { .. }) && now.saturating_duration_since(due) > LATE {
            self.late += 1;
        }
    }

    /// Measured requests that have not ended yet.
    pub(crate) fn in_flight(&self) -> u64 {
        self.sent - self.completed - self.errors.total()
    }

    /// When the last measured request ended.
    pub(crate) fn last_end(&self) -> Instant {
        self.last_end
    }

    pub(crate) fn finish(&mut self, outcome: &Outcome) {
        let good = outcome.result.is_ok_and(|response| response.status < 400);
        if let Ok(response) = outcome.result
            && good
        {
            let pass = if outcome.first_pass { &mut self.first_pass } else { &mut self.later_passes };
            pass.responses += 1;
            pass.matching += u64::from(response.matched);
        }
        if !outcome.ticket.measured {
            return;
        }
        self.last_end = outcome.ended;
        self.bytes_in += outcome.bytes_in;
        self.intervals.roll(outcome.ended);
        if let Ok(response) = outcome.result
            && let Some(count) = self.statuses.get_mut(usize::from(response.status))
        {
            *count += 1;
        }
        if good { self.good(outcome) } else { self.bad(outcome.result) }
    }

    fn good(&mut self, outcome: &Outcome) {
        let latency = nanos(outcome.ended.saturating_duration_since(outcome.ticket.due));
        let sent = outcome.sent.unwrap_or(outcome.ticket.due);
        self.completed += 1;
        self.drained += u64::from(self.sending_ends.is_some_and(|end| outcome.ended > end));
        self.latency.saturating_record(latency);
        self.service.saturating_record(nanos(outcome.ended.saturating_duration_since(sent)));
        self.intervals.good(latency);
    }

    #[cold]
    fn bad(&mut self, result: Result<Response, Failure>) {
        let count = match result {
            Ok(response) if response.status < 500 => &mut self.errors.status_4xx,
            Ok(_) => &mut self.errors.status_5xx,
            Err(Failure::Connect) => &mut self.errors.connect,
            Err(Failure::Timeout) => &mut self.errors.timeout,
            Err(Failure::Closed) => &mut self.errors.closed,
            Err(Failure::Malformed) => &mut self.errors.malformed,
        };
        *count += 1;
        self.intervals.bad();
    }

    /// Closes the intervals that have passed, so that a stalled server shows as empty ones; returns the last.
    pub(crate) fn roll(&mut self, now: Instant) -> Option<Interval> {
        self.intervals.roll(now);
        self.intervals.last()
    }

    /// What is still in flight when the drain ends has timed out.
    pub(crate) fn abandon(&mut self, now: Instant) {
        self.intervals.roll(now);
        for _ in 0..self.in_flight() {
            self.bad(Err(Failure::Timeout));
        }
    }

    pub(crate) fn report(&mut self, facts: &RunFacts) -> Report {
        let statuses = self.statuses.iter().enumerate().filter(|(_, count)| **count > 0);
        Report {
            mode: self.mode,
            connections: facts.connections,
            elapsed: facts.elapsed,
            stopped_early: facts.stopped_early,
            sent: self.sent,
            completed: self.completed,
            drained: self.drained,
            errors: self.errors,
            statuses: statuses
                .filter_map(|(code, count)| Some((u16::try_from(code).ok()?, *count)))
                .collect(),
            late: self.late,
            unsent: facts.due.saturating_sub(self.sent),
            reconnects: self.reconnects,
            bytes_in: self.bytes_in,
            latency: quantiles(&self.latency),
            service: quantiles(&self.service),
            intervals: self.intervals.finish(facts.ended).to_vec(),
            generator_cpu: facts.cpu,
            first_pass: self.first_pass,
            later_passes: self.later_passes,
        }
    }
}

/// What a report says beside the records.
#[derive(Debug)]
pub(crate) struct RunFacts {
    pub(crate) connections: usize,
    pub(crate) elapsed: Duration,
    pub(crate) ended: Instant,
    pub(crate) stopped_early: bool,
    /// Requests that were due before the end.
    pub(crate) due: u64,
    pub(crate) cpu: Option<Duration>,
}

fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    if histogram.is_empty() {
        return Quantiles::default();
    }
    let at = |q| Duration::from_nanos(histogram.value_at_quantile(q));
    Quantiles {
        count: histogram.len(),
        min: Duration::from_nanos(histogram.min()),
        mean: Duration::from_nanos(histogram.mean() as u64),
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: Duration::from_nanos(histogram.max()),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
