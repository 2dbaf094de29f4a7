use serde::Deserialize;

use crate::op::Case;

/// What a case should cost, and what it cost in the last full run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) case: String,
    pub(crate) peer: String,
    pub(crate) max_ns: Option<f64>,
    pub(crate) max_ratio: Option<f64>,
    pub(crate) last_ns: Option<f64>,
    pub(crate) last_ratio: Option<f64>,
    pub(crate) known_miss: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Targets {
    target: Vec<Target>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetsError {
    #[error("the targets file is malformed: {}", .0.message())]
    Malformed(#[from] toml::de::Error),
    #[error("the targets file names a case that is not measured: {0} against {1}")]
    Stale(String, String),
}

impl Targets {
    /// Reads the file; each of its targets must be that of a case.
    pub(crate) fn parse(file: &str, cases: &[Case]) -> Result<Self, TargetsError> {
        let targets: Self = toml::from_str(file)?;
        let stale = targets.target.iter().find(|target| !cases.iter().any(|case| target.is_of(case)));
        match stale {
            Some(target) => Err(TargetsError::Stale(target.case.clone(), target.peer.clone())),
            None => Ok(targets),
        }
    }

    pub(crate) fn of(&self, case: &Case) -> Option<&Target> {
        self.target.iter().find(|target| target.is_of(case))
    }
}

impl Target {
    fn is_of(&self, case: &Case) -> bool {
        self.case == case.name && self.peer == case.peer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Op;

    #[test]
    fn every_target_is_that_of_a_case() {
        let cases = [Case::new("a", 1, Op::each(|n| n), "b", Op::each(|n| n))];
        let read = |file| Targets::parse(file, &cases);
        let targets = read("[[target]]\ncase = 'a'\npeer = 'b'\nmax_ns = 2.0").unwrap();
        assert_eq!(targets.of(&cases[0]).unwrap().max_ns, Some(2.0));
        assert!(matches!(read("[[target]]\ncase = 'a'\npeer = 'c'"), Err(TargetsError::Stale(..))));
        assert!(matches!(read("[[target]]\ncase = 'a'\nmax = 1"), Err(TargetsError::Malformed(_))));
    }
}
