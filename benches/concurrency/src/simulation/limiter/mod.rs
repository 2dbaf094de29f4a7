//! Limits before a server that is overloaded, slows down, loses or gains workers.
//!
//! The limit is the crate's own, with its own windows, on a clock that the simulation moves; whoever finds it full is
//! refused, and nobody waits in its queue. The server has so many workers and serves in order of arrival; half of a service
//! time is constant, half exponential. All but convergence is measured in the second half of the last phase.

mod record;
mod server;

use perfect21_concurrency::{
    Limit, ManualClock,
    limit::{Aimd, Elastic, Fixed, Gradient2, LimitBuilder, Vegas},
};
use server::{Phase, Server};
use std::time::Duration;

/// The seeds of all runs.
pub const SEEDS: [u64; 5] = [21, 42, 63, 84, 105];

const BASE: Phase = Phase { seconds: 60, offered: 8000.0, workers: 40, service: 0.01, failing: 0.0 };

/// A course of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scenario {
    /// Twice of what the server can do, from the start.
    Overload,
    /// The same, and the service time goes from 10 to 40 ms.
    Slower,
    /// The same, and the workers from 40 to 10.
    FewerWorkers,
    /// The same, and the workers from 40 to 80.
    MoreWorkers,
    /// 1.05 times of what the server can do, for ten minutes.
    Moderate,
    /// A fifth of it.
    Idle,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Overload, Self::Slower, Self::FewerWorkers, Self::MoreWorkers, Self::Moderate, Self::Idle];

    /// As the table prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Overload => "2x overload",
            Self::Slower => "service 10 -> 40 ms",
            Self::FewerWorkers => "capacity 40 -> 10",
            Self::MoreWorkers => "capacity 40 -> 80",
            Self::Moderate => "1.05x for 600 s",
            Self::Idle => "20 % load",
        }
    }

    /// What is wanted of a limit, in words.
    #[must_use]
    pub fn target(self) -> &'static str {
        match self {
            Self::Moderate => "goodput at least 94 %, drift at most 10 %",
            Self::Idle => "nobody refused, the limit at most 3 times the peak in flight",
            _ => "goodput at least 97 %, p50 at most 1.3, converged in 5 s, worst second at least 88 %",
        }
    }

    fn phases(self) -> Vec<Phase> {
        let last = Phase { seconds: 120, ..BASE };
        match self {
            Self::Overload => vec![last],
            Self::Slower => vec![BASE, Phase { service: 0.04, ..last }],
            Self::FewerWorkers => vec![BASE, Phase { workers: 10, ..last }],
            Self::MoreWorkers => vec![BASE, Phase { workers: 80, ..last }],
            Self::Moderate => vec![Phase { seconds: 600, offered: 4200.0, ..BASE }],
            Self::Idle => vec![Phase { offered: 800.0, ..last }],
        }
    }
}

/// What decides on the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// 40, as many as there are workers at first.
    Fixed,
    /// [`Aimd`] with a ceiling of 50 ms, five times the mean service time at first.
    Aimd,
    /// [`Vegas`].
    Vegas,
    /// [`Gradient2`].
    Gradient2,
    /// [`Elastic`], the default.
    Elastic,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Fixed, Self::Aimd, Self::Vegas, Self::Gradient2, Self::Elastic];

    /// As the table prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed, 40",
            Self::Aimd => "AIMD, ceiling 50 ms",
            Self::Vegas => "Vegas",
            Self::Gradient2 => "Gradient2",
            Self::Elastic => "**Elastic**",
        }
    }

    fn builder(self) -> LimitBuilder {
        let start = Limit::builder(20);
        match self {
            Self::Fixed => Limit::builder(40).algorithm(Fixed),
            Self::Aimd => start.algorithm(Aimd::new()).ceiling(Duration::from_millis(50)),
            Self::Vegas => start.algorithm(Vegas::new()),
            Self::Gradient2 => start.algorithm(Gradient2::new()),
            Self::Elastic => start.algorithm(Elastic::new()),
        }
    }
}

/// What came of it: of one run, or the mean of several.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Figures {
    /// What was done of what could have been, from 0 to 1.
    pub goodput: f64,
    /// The median latency, by that of a server without load.
    pub p50: f64,
    /// Seconds from the last change until five good seconds began; infinite where they never did.
    pub converged: f64,
    /// The worst second, as goodput.
    pub worst_second: f64,
    /// The mean limit.
    pub limit: f64,
    /// How far the mean limit of a minute was at most from that of the second minute, as a share.
    pub drift: f64,
    /// The mean limit by the most that was in flight.
    pub over_peak: f64,
    /// How many calls were refused.
    pub rejected: f64,
}

/// The figures of all seeds.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs, reason = "a table's row")]
pub struct Runs(pub Vec<Figures>);

impl Runs {
    /// Runs it with all [`SEEDS`].
    #[must_use]
    pub fn of(kind: Kind, scenario: Scenario) -> Self {
        Self(SEEDS.iter().map(|seed| run(kind, scenario, *seed)).collect())
    }

    /// The mean of a figure.
    #[must_use]
    pub fn mean(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        self.0.iter().map(figure).sum::<f64>() / self.0.len() as f64
    }

    /// The lowest of a figure.
    #[must_use]
    pub fn lowest(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        self.0.iter().map(figure).fold(f64::INFINITY, f64::min)
    }

    /// The highest of a figure.
    #[must_use]
    pub fn highest(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        self.0.iter().map(figure).fold(0.0, f64::max)
    }
}

/// Lets it happen.
///
/// # Panics
/// Never: the settings are valid.
#[must_use]
pub fn run(kind: Kind, scenario: Scenario, seed: u64) -> Figures {
    run_phases(kind, &scenario.phases(), seed)
}

/// Lets so many seconds pass at a load, as a multiple of what the server can do, while from the
/// middle of the first half on a share of the calls fails for reasons that have nothing to do with
/// the load. Each is reported as overload.
///
/// # Panics
/// Never: the settings are valid.
#[must_use]
pub fn run_failing(kind: Kind, load: f64, failing: f64, seconds: u64, seed: u64) -> Figures {
    let well = Phase { seconds: seconds / 4, offered: BASE.capacity() * load, ..BASE };
    run_phases(kind, &[well, Phase { seconds, failing, ..well }], seed)
}

fn run_phases(kind: Kind, phases: &[Phase], seed: u64) -> Figures {
    let clock = ManualClock::new();
    let limit = kind.builder().max_queue(0).clock(clock.clone()).build().expect("settings are valid");
    let mut server = Server::new(limit, clock, seed);
    let mut last = None;
    for phase in phases {
        last = Some((server.run(phase), phase));
    }
    let (mut record, phase) = last.expect("there is a phase");
    let possible = phase.capacity().min(phase.offered) * (1.0 - phase.failing);
    Figures {
        goodput: record.throughput() / possible,
        p50: record.median() / (phase.service * (0.5 + 0.5 * std::f64::consts::LN_2)),
        converged: record.converged(possible, 2.0 * phase.service).unwrap_or(f64::INFINITY),
        worst_second: record.worst_second() / possible,
        limit: record.mean_limit(),
        drift: record.drift(),
        over_peak: record.mean_limit() / record.peak() as f64,
        rejected: record.rejected() as f64,
    }
}
