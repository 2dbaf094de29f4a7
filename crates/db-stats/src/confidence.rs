use std::fmt;

/// How sure an advice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Confidence {
    /// Estimated from statistics, which may be old or wrong: measure before acting.
    Low,
    /// Counted, but something that is not seen from here may speak against it.
    Medium,
    /// Read from the catalog, or verified by the planner.
    High,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}
