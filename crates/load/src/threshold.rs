use crate::{report::Report, report_text::Short};
use std::{fmt, time::Duration};

/// What a run must reach, for an exit code or an `assert!`.
///
/// A run without a single good answer breaches every threshold on latency.
///
/// ```
/// use perfect21_load::Threshold;
/// use std::time::Duration;
///
/// # fn check(report: &perfect21_load::Report) {
/// for threshold in [Threshold::p95(Duration::from_millis(50)), Threshold::error_rate(0.01)] {
///     if let Err(breach) = threshold.check(report) {
///         eprintln!("{breach}"); // p95 is 81.2 ms, wanted at most 50.0 ms
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    figure: Figure,
    wanted: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Figure {
    P50,
    P95,
    P99,
    Max,
    ErrorRate,
    Rate,
    Unsent,
}

impl Threshold {
    /// Half of the answers within `at_most` of when they were due.
    #[must_use]
    pub fn p50(at_most: Duration) -> Self {
        Self { figure: Figure::P50, wanted: at_most.as_secs_f64() }
    }

    /// 95 % of the answers within `at_most` of when they were due.
    #[must_use]
    pub fn p95(at_most: Duration) -> Self {
        Self { figure: Figure::P95, wanted: at_most.as_secs_f64() }
    }

    /// 99 % of the answers within `at_most` of when they were due.
    #[must_use]
    pub fn p99(at_most: Duration) -> Self {
        Self { figure: Figure::P99, wanted: at_most.as_secs_f64() }
    }

    /// Every answer within `at_most` of when it was due.
    #[must_use]
    pub fn max(at_most: Duration) -> Self {
        Self { figure: Figure::Max, wanted: at_most.as_secs_f64() }
    }

    /// At most this share of requests without a good answer, from 0 to 1.
    #[must_use]
    pub fn error_rate(at_most: f64) -> Self {
        Self { figure: Figure::ErrorRate, wanted: at_most }
    }

    /// At least so many good answers a second.
    #[must_use]
    pub fn min_rate(at_least: f64) -> Self {
        Self { figure: Figure::Rate, wanted: at_least }
    }

    /// At most so many requests that were due and could not be sent.
    #[must_use]
    pub fn unsent(at_most: u64) -> Self {
        Self { figure: Figure::Unsent, wanted: at_most as f64 }
    }

    /// Compares a report with this threshold.
    ///
    /// # Errors
    /// If the report does not reach it; the [`Breach`] says what was measured and what was wanted.
    pub fn check(&self, report: &Report) -> Result<(), Breach> {
        let latency = |duration: Duration| (report.latency.count > 0).then_some(duration.as_secs_f64());
        let measured = match self.figure {
            Figure::P50 => latency(report.latency.p50),
            Figure::P95 => latency(report.latency.p95),
            Figure::P99 => latency(report.latency.p99),
            Figure::Max => latency(report.latency.max),
            Figure::ErrorRate => Some(report.error_rate()),
            Figure::Rate => Some(report.rate()),
            Figure::Unsent => Some(report.unsent as f64),
        };
        let kept = measured.is_some_and(|measured| match self.figure {
            Figure::Rate => measured >= self.wanted,
            _ => measured <= self.wanted,
        });
        if kept { Ok(()) } else { Err(Breach { threshold: *self, measured }) }
    }
}

/// A [`Threshold`] that was not reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breach {
    threshold: Threshold,
    measured: Option<f64>,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Threshold { figure, wanted } = self.threshold;
        let (name, bound) = match figure {
            Figure::P50 => ("p50", "at most"),
            Figure::P95 => ("p95", "at most"),
            Figure::P99 => ("p99", "at most"),
            Figure::Max => ("max", "at most"),
            Figure::ErrorRate => ("error rate", "at most"),
            Figure::Rate => ("rate", "at least"),
            Figure::Unsent => ("unsent requests", "at most"),
        };
        write!(f, "{name} is ")?;
        match self.measured {
            Some(measured) => write_figure(f, figure, measured)?,
            None => f.write_str("not known for want of answers")?,
        }
        write!(f, ", wanted {bound} ")?;
        write_figure(f, figure, wanted)
    }
}

fn write_figure(f: &mut fmt::Formatter<'_>, figure: Figure, value: f64) -> fmt::Result {
    match figure {
        Figure::P50 | Figure::P95 | Figure::P99 | Figure::Max => {
            write!(f, "{}", Short(Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)))
        }
        Figure::ErrorRate => write!(f, "{:.2} %", value * 100.0),
        Figure::Rate => write!(f, "{value:.1}/s"),
        Figure::Unsent => write!(f, "{value}"),
    }
}

impl std::error::Error for Breach {}
