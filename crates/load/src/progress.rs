use crate::report::Interval;
use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Connections are being opened.
    Connecting,
    /// Requests are sent and not recorded.
    WarmUp,
    /// Requests are sent and recorded.
    Measuring,
    /// No more requests are sent; those in flight may still be answered.
    Draining,
    /// The report is ready.
    Done,
}

/// A look at a run under way.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Where it stands.
    pub phase: Phase,
    /// Since the measurement began; zero before.
    pub elapsed: Duration,
    /// How long it will measure, if time is what ends it.
    pub planned: Option<Duration>,
    /// How many requests it will send, if their number is what ends it.
    pub planned_requests: Option<u64>,
    /// Good answers so far.
    pub completed: u64,
    /// Requests without a good answer so far.
    pub errors: u64,
    /// Good answers a second in the last whole second, before its end the mean so far.
    pub rate: f64,
    /// 95 % of the good answers in the last whole second took no longer than this; `None` before its end or without
    /// answers.
    pub p95: Option<Duration>,
}

/// What the generator's thread and its handles share.
#[derive(Debug)]
pub(crate) struct Board {
    phase: AtomicU8,
    measure_from: OnceLock<Instant>,
    measured: OnceLock<Duration>,
    completed: AtomicU64,
    errors: AtomicU64,
    last_rate: AtomicU64,
    last_p95: AtomicU64,
    stop: AtomicBool,
    abandon: AtomicBool,
    changed: Notify,
}

const NONE: u64 = u64::MAX;

impl Board {
    pub(crate) fn new() -> Self {
        Self {
            phase: AtomicU8::new(Phase::Connecting as u8),
            measure_from: OnceLock::new(),
            measured: OnceLock::new(),
            completed: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            last_rate: AtomicU64::new(NONE),
            last_p95: AtomicU64::new(NONE),
            stop: AtomicBool::new(false),
            abandon: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        const PHASES: [Phase; 5] =
            [Phase::Connecting, Phase::WarmUp, Phase::Measuring, Phase::Draining, Phase::Done];
        PHASES[usize::from(self.phase.load(Ordering::Relaxed))]
    }

    pub(crate) fn measure_from(&self, start: Instant) {
        // Set once, by the one thread that runs the plan.
        let _ = self.measure_from.set(start);
    }

    /// The measurement is over and took this long.
    pub(crate) fn measured(&self, elapsed: Duration) {
        // Set once, as above.
        let _ = self.measured.set(elapsed);
    }

    #[inline]
    pub(crate) fn count(&self, completed: u64, errors: u64) {
        self.completed.store(completed, Ordering::Relaxed);
        self.errors.store(errors, Ordering::Relaxed);
    }

    pub(crate) fn second(&self, interval: &Interval) {
        let rate = interval.completed as f64 / interval.length.as_secs_f64();
        self.last_rate.store(rate.to_bits(), Ordering::Relaxed);
        let p95 = if interval.completed > 0 { interval.p95.as_nanos() as u64 } else { NONE };
        self.last_p95.store(p95, Ordering::Relaxed);
    }

    /// Ends the run after its drain.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// Ends the run at once; nobody reads the report.
    pub(crate) fn abandon(&self) {
        self.abandon.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.is_abandoned()
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandon.load(Ordering::Relaxed)
    }

    /// Waits for the next [`stop`](Self::stop) or [`abandon`](Self::abandon). For the generator's thread only.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(crate) fn progress(&self, planned: Option<Duration>, planned_requests: Option<u64>) -> Progress {
        let elapsed = match (self.measured.get(), self.measure_from.get()) {
            (Some(measured), _) => *measured,
            (None, Some(from)) => from.elapsed(),
            (None, None) => Duration::ZERO,
        };
        let elapsed = planned.map_or(elapsed, |planned| elapsed.min(planned));
        let completed = self.completed.load(Ordering::Relaxed);
        let rate = match self.last_rate.load(Ordering::Relaxed) {
            NONE if elapsed.is_zero() => 0.0,
            NONE => completed as f64 / elapsed.as_secs_f64(),
            bits => f64::from_bits(bits),
        };
        let p95 = match self.last_p95.load(Ordering::Relaxed) {
            NONE => None,
            nanos => Some(Duration::from_nanos(nanos)),
        };
        let errors = self.errors.load(Ordering::Relaxed);
        Progress { phase: self.phase(), elapsed, planned, planned_requests, completed, errors, rate, p95 }
    }
}
