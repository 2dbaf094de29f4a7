//! Statements that got slower from one look to the next: by what was counted between them, so that nothing need be reset.

use super::{
    super::{
        advice::{Advice, Confidence},
        snapshot::Statements,
        thresholds::Thresholds,
    },
    millis,
    slow_statement::short,
};
use perfect21_core::Severity;
use std::collections::HashMap;

pub(in super::super) fn check(
    earlier: &Statements,
    later: &Statements,
    thresholds: &Thresholds,
) -> Vec<Advice> {
    let before: HashMap<_, _> =
        earlier.all.iter().map(|statement| (statement.fingerprint, statement)).collect();
    let mut found = Vec::new();
    for now in &later.all {
        let Some(before) = before.get(&now.fingerprint) else { continue };
        // Fewer calls than before: somebody reset the counts, or they were given up.
        let (calls, spent) = (now.calls - before.calls, now.total_ms - before.total_ms);
        if calls < thresholds.slow_calls || spent < 0.0 || before.calls < thresholds.slow_calls {
            continue;
        }
        let (mean, was) = (spent / calls as f64, before.mean_ms());
        // What is fast either way may vary as it likes.
        if mean < was * thresholds.regression || mean - was < 1.0 {
            continue;
        }
        let severity =
            if mean >= thresholds.slow_mean.as_secs_f64() * 1e3 { Severity::Warning } else { Severity::Info };
        found.push(
            Advice::new("statement_regression", now.fingerprint, severity)
                .evidence(format!(
                    "mean {} in {calls} calls since the last look, {} in {} before: {}",
                    millis(mean),
                    millis(was),
                    before.calls,
                    short(&now.text)
                ))
                .advice("compare its plan with that of before: statistics, indexes, the size of its tables")
                .confidence(Confidence::Medium),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fingerprint, advisor::snapshot::Statement};

    fn counted(calls: i64, total_ms: f64) -> Statements {
        let statement = Statement {
            fingerprint: Fingerprint::of("SELECT 1"),
            text: "SELECT $1".into(),
            calls,
            total_ms,
            max_ms: 0.0,
            rows: 0,
            blocks_read: 0,
            temp_blocks: 0,
            seen: None,
        };
        Statements { all: vec![statement], total_ms, ..Statements::default() }
    }

    #[test]
    fn what_counts_is_between_the_two_looks() {
        let earlier = counted(1000, 10_000.0);
        for (calls, total_ms, expected) in [
            (1100, 12_000.0, 1),
            (1100, 11_000.0, 0),
            (1009, 20_000.0, 0),
            // Counts were reset in between.
            (500, 50_000.0, 0),
            (2000, 10.0, 0),
        ] {
            let found = check(&earlier, &counted(calls, total_ms), &Thresholds::default());
            assert_eq!(found.len(), expected, "{calls} {total_ms}");
        }
    }
}
