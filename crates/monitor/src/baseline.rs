use perfect21_core::Unit;
use serde::{Serialize, Serializer};
use std::{borrow::Cow, fmt};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Direction {
    /// Like a latency.
    Lower,
    /// Like a rate.
    Higher,
}

/// How a figure stands against its [`Baseline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Grade {
    /// It was not measured, or is not a number.
    NoData,
    /// Worse than the target.
    Missed,
    /// The target is reached.
    Target,
    /// The excellent value is reached.
    Excellent,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoData => "no data",
            Self::Missed => "missed",
            Self::Target => "target",
            Self::Excellent => "excellent",
        })
    }
}

/// A figure that a service should reach.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Baseline {
    /// Stable name in `snake_case`.
    pub key: Cow<'static, str>,
    /// What people read.
    pub title: Cow<'static, str>,
    /// What its numbers count; values are in base units (seconds, bytes, a share of 1).
    #[serde(serialize_with = "unit_name")]
    pub unit: Unit,
    /// Which way is better.
    pub direction: Direction,
    /// Good enough from here.
    pub target: f64,
    /// Excellent from here.
    pub excellent: f64,
}

impl Baseline {
    /// 95 % of the answers within 200 ms, excellent 100 ms.
    pub const API_P95: Self = Self::lower("api_p95", "API P95", Unit::Seconds, 0.200, 0.100);
    /// 1000 requests a second, excellent 2000.
    pub const REQUEST_RATE: Self =
        Self::higher("request_rate", "requests/s", Unit::PerSecond, 1000.0, 2000.0);
    /// A process of at most 512 MiB, excellent 256 MiB.
    pub const MEMORY: Self = Self::lower("memory", "memory (RSS)", Unit::Bytes, 536_870_912.0, 268_435_456.0);
    /// At most 70 % of the allowed CPU, excellent 50 %.
    pub const CPU: Self = Self::lower("cpu", "CPU of the allowed cores", Unit::Ratio, 0.70, 0.50);
    /// A database connection within 100 ms, excellent 50 ms.
    pub const DB_CONNECT: Self = Self::lower("db_connect", "database connect", Unit::Seconds, 0.100, 0.050);
    /// 85 % of the reads from the cache, excellent 95 %.
    pub const CACHE_HITS: Self = Self::higher("cache_hits", "cache hit rate", Unit::Ratio, 0.85, 0.95);

    /// A figure that should stay below its target.
    #[must_use]
    pub const fn lower(
        key: &'static str,
        title: &'static str,
        unit: Unit,
        target: f64,
        excellent: f64,
    ) -> Self {
        Self::new(key, title, unit, Direction::Lower, target, excellent)
    }

    /// A figure that should reach its target.
    #[must_use]
    pub const fn higher(
        key: &'static str,
        title: &'static str,
        unit: Unit,
        target: f64,
        excellent: f64,
    ) -> Self {
        Self::new(key, title, unit, Direction::Higher, target, excellent)
    }

    const fn new(
        key: &'static str,
        title: &'static str,
        unit: Unit,
        direction: Direction,
        target: f64,
        excellent: f64,
    ) -> Self {
        Self { key: Cow::Borrowed(key), title: Cow::Borrowed(title), unit, direction, target, excellent }
    }

    /// The same figure under another name, as when one is taken at two loads.
    #[must_use]
    pub fn named(mut self, key: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        self.key = key.into();
        self.title = title.into();
        self
    }

    /// Grades a value; a target itself is not below the target. NaN is no data.
    #[must_use]
    pub fn grade(&self, value: Option<f64>) -> Grade {
        let Some(value) = value.filter(|value| !value.is_nan()) else { return Grade::NoData };
        let reaches = |bound: f64| match self.direction {
            Direction::Lower => value < bound,
            Direction::Higher => value >= bound,
        };
        match (reaches(self.excellent), reaches(self.target)) {
            (true, _) => Grade::Excellent,
            (false, true) => Grade::Target,
            (false, false) => Grade::Missed,
        }
    }

    /// How many times better `new` is than `old`: above 1 is better. `None` where a value is not positive.
    #[must_use]
    pub fn gain(&self, old: f64, new: f64) -> Option<f64> {
        let (over, under) = match self.direction {
            Direction::Lower => (old, new),
            Direction::Higher => (new, old),
        };
        (over > 0.0 && under > 0.0).then(|| over / under)
    }
}

fn unit_name<S: Serializer>(unit: &Unit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match unit {
        Unit::Bytes => "bytes",
        Unit::Seconds => "seconds",
        Unit::Ratio => "ratio",
        Unit::PerSecond => "per_second",
        _ => "count",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_both_directions_and_never_takes_no_data_for_a_value() {
        for (baseline, value, grade) in [
            (Baseline::API_P95, Some(0.2), Grade::Missed),
            (Baseline::API_P95, Some(0.199), Grade::Target),
            (Baseline::API_P95, Some(0.1), Grade::Target),
            (Baseline::API_P95, Some(0.01), Grade::Excellent),
            (Baseline::CACHE_HITS, Some(0.849), Grade::Missed),
            (Baseline::CACHE_HITS, Some(0.85), Grade::Target),
            (Baseline::CACHE_HITS, Some(0.95), Grade::Excellent),
            (Baseline::CACHE_HITS, Some(f64::NAN), Grade::NoData),
            (Baseline::API_P95, Some(f64::NAN), Grade::NoData),
            (Baseline::API_P95, None, Grade::NoData),
        ] {
            assert_eq!(baseline.grade(value), grade, "{} {value:?}", baseline.key);
        }
    }

    #[test]
    fn gain_is_above_one_when_better() {
        assert_eq!(Baseline::API_P95.gain(0.2, 0.1), Some(2.0));
        assert_eq!(Baseline::REQUEST_RATE.gain(1000.0, 500.0), Some(0.5));
        assert_eq!(Baseline::API_P95.gain(0.2, 0.0), None);
    }
}
