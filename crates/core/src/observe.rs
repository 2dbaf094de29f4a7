use crate::LatencySnapshot;
use std::{sync::Arc, time::Duration};

/// What a metric's numbers count, in base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Things, events, requests.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds; latency snapshots hold nanoseconds and are of this unit.
    Seconds,
    /// A share from 0 to 1.
    Ratio,
    /// Events per second; for figures that are derived, parts count totals.
    PerSecond,
}

/// The fixed part of a metric: a part of a service declares each as a `const`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Metric {
    /// Name in `snake_case`, starting with the part that owns it and without unit (`cache_hits`, `db_connect`).
    pub name: &'static str,
    /// What its numbers count.
    pub unit: Unit,
    /// One sentence for people.
    pub help: &'static str,
}

impl Metric {
    /// Declares a metric.
    #[must_use]
    pub const fn new(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { name, unit, help }
    }
}

/// A label of one series: name and value. The part that writes it bounds how many values there can be.
pub type Label<'a> = (&'static str, &'a str);

/// The value of a gauge, with its age; a value that is not known is [`Reading::NO_DATA`], never zero.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Reading {
    /// The value, or `None` where it is not known.
    pub value: Option<f64>,
    /// How long ago it was true.
    pub age: Duration,
}

impl Reading {
    /// Not known.
    pub const NO_DATA: Self = Self { value: None, age: Duration::ZERO };

    /// True now.
    #[must_use]
    pub const fn now(value: f64) -> Self {
        Self { value: Some(value), age: Duration::ZERO }
    }

    /// Was true `age` ago: what a background task read last.
    #[must_use]
    pub const fn aged(value: f64, age: Duration) -> Self {
        Self { value: Some(value), age }
    }
}

impl From<Option<f64>> for Reading {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::NO_DATA, Self::now)
    }
}

/// Receives the numbers of an [`Observe`].
///
/// Series are known by metric name and labels. A visitor may keep only so many series, and then says so itself.
pub trait Visitor {
    /// A total that only grows while the process lives.
    fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64);

    /// A value that goes up and down.
    fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], reading: Reading);

    /// All durations recorded since the process began; the visitor takes differences.
    fn latency(&mut self, metric: &Metric, labels: &[Label<'_>], snapshot: &LatencySnapshot);
}

/// A part whose numbers can be read.
///
/// `observe` is called at every tick, from any thread: it neither blocks nor does I/O. Numbers that cost a query are
/// refreshed by a task of the part's own and written with their age.
pub trait Observe: Send + Sync {
    /// Writes the current numbers.
    fn observe(&self, visitor: &mut dyn Visitor);
}

impl<T: Observe + ?Sized> Observe for Arc<T> {
    fn observe(&self, visitor: &mut dyn Visitor) {
        (**self).observe(visitor);
    }
}
