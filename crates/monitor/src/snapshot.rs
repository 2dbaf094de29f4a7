use perfect21_core::{Label, LatencySnapshot, Metric, Observe, Reading, Visitor};
use serde::Serialize;

/// The numbers of some parts at one moment, ready to be serialised.
///
/// Holds at most [`Snapshot::MAX_SERIES`] series; what did not fit is counted in `left_out`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The series, in the order the parts wrote them.
    pub series: Vec<SnapshotSeries>,
    /// Series that were not taken.
    pub left_out: u64,
}

/// One series of a [`Snapshot`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SnapshotSeries {
    /// The metric's name.
    pub name: &'static str,
    /// Label names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: SnapshotValue,
}

/// The number of a [`SnapshotSeries`], in base units.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SnapshotValue {
    /// A total.
    Counter(u64),
    /// A value and its age in seconds; `None` is no data.
    Gauge(Option<f64>, f64),
    /// Quantiles of all durations so far, in seconds.
    Latency {
        /// How many.
        count: u64,
        /// Mean.
        mean: Option<f64>,
        /// Median.
        p50: Option<f64>,
        /// 95 % stay below.
        p95: Option<f64>,
        /// 99 % stay below.
        p99: Option<f64>,
    },
}

impl Snapshot {
    /// The most series a snapshot takes.
    pub const MAX_SERIES: usize = 10_000;

    /// Reads all parts once.
    #[must_use]
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a dyn Observe>) -> Self {
        let mut snapshot = Self::default();
        for part in parts {
            part.observe(&mut snapshot);
        }
        snapshot
    }

    fn push(&mut self, metric: &Metric, labels: &[Label<'_>], value: SnapshotValue) {
        if self.series.len() == Self::MAX_SERIES {
            self.left_out += 1;
            return;
        }
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.series.push(SnapshotSeries { name: metric.name, labels, value });
    }
}

impl Visitor for Snapshot {
    fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64) {
        self.push(metric, labels, SnapshotValue::Counter(total));
    }

    fn gauge(&mut self, metric: &Metric, labels: &[Label<'_>], reading: Reading) {
        let value = reading.value.filter(|value| value.is_finite());
        self.push(metric, labels, SnapshotValue::Gauge(value, reading.age.as_secs_f64()));
    }

    fn latency(&mut self, metric: &Metric, labels: &[Label<'_>], snapshot: &LatencySnapshot) {
        let quantile = |q| snapshot.quantile(q).map(|duration| duration.as_secs_f64());
        let latency = SnapshotValue::Latency {
            count: snapshot.count(),
            mean: snapshot.mean().map(|duration| duration.as_secs_f64()),
            p50: quantile(0.50),
            p95: quantile(0.95),
            p99: quantile(0.99),
        };
        self.push(metric, labels, latency);
    }
}
