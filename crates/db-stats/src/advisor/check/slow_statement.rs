//! Statements on which the server spends its time.

use super::{
    super::{advice::Advice, snapshot::Snapshot, thresholds::Thresholds},
    bytes, millis,
};
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let Ok(Some(statements)) = &snapshot.statements else { return Vec::new() };
    let least = thresholds.slow_mean.as_secs_f64() * 1e3;
    let mut found = Vec::new();
    for statement in &statements.all {
        let share = statement.total_ms / statements.total_ms.max(f64::MIN_POSITIVE);
        let is_slow = statement.mean_ms() >= least && statement.calls >= thresholds.slow_calls;
        if !is_slow || share < thresholds.slow_share || !is_work(&statement.text) {
            continue;
        }
        let severity = if share >= 0.3 { Severity::Warning } else { Severity::Info };
        let temp = match statement.temp_blocks * snapshot.server.block_size {
            0 => String::new(),
            temp => format!(", {} of temporary files", bytes(temp)),
        };
        let seen = statement.seen.map_or_else(String::new, |seen| {
            format!(", p99 of this client's own {} in {} calls", millis(seen.p99_ms), seen.calls)
        });
        found.push(
            Advice::new("slow_statement", statement.fingerprint, severity)
                .evidence(format!(
                    "{:.0} % of all time: {} calls, mean {}, longest {}{seen}, {:.1} rows a call{temp}: {}",
                    share * 100.0,
                    statement.calls,
                    millis(statement.mean_ms()),
                    millis(statement.max_ms),
                    statement.rows as f64 / statement.calls.max(1) as f64,
                    short(&statement.text)
                ))
                .advice("EXPLAIN (ANALYZE, BUFFERS) it with real parameters; see whether an index is said to be missing"),
        );
    }
    found
}

/// Whether it is a statement that can be made faster, not one that is for upkeep.
pub(in super::super) fn is_work(text: &str) -> bool {
    let text = crate::normalize(text);
    let first = text.trim_start_matches('(').split(' ').next().unwrap_or_default();
    ["select", "insert", "update", "delete", "with", "merge", "values", "execute"].contains(&first)
}

/// The normalised text, cut.
pub(in super::super) fn short(text: &str) -> String {
    let mut text = crate::normalize(text);
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Fingerprint,
        advisor::snapshot::{Seen, Statement, Statements},
    };

    fn counted(text: &str, calls: i64, total_ms: f64, seen: Option<Seen>) -> Snapshot {
        let statement = Statement {
            fingerprint: Fingerprint::of(text),
            text: text.into(),
            calls,
            total_ms,
            max_ms: 900.0,
            rows: 0,
            blocks_read: 0,
            temp_blocks: 0,
            seen,
        };
        let mut snapshot = Snapshot::empty();
        let all = vec![statement];
        snapshot.statements = Ok(Some(Statements { all, total_ms: 10_000.0, ..Statements::default() }));
        snapshot
    }

    #[test]
    fn a_share_of_the_time_and_a_slow_mean_and_more_than_a_few_calls() {
        for (text, calls, total_ms, expected) in [
            ("SELECT a", 100, 5_000.0, 1),
            ("SELECT a", 9, 5_000.0, 0),
            ("SELECT a", 10_000, 5_000.0, 0),
            ("SELECT a", 10, 500.0, 0),
            ("VACUUM a", 100, 5_000.0, 0),
        ] {
            let snapshot = counted(text, calls, total_ms, None);
            let found = check(&snapshot, &Thresholds::default());
            assert_eq!(found.len(), expected, "{text} {calls} {total_ms}");
        }
    }

    #[test]
    fn what_the_client_saw_is_said_to_be_its_own() {
        for (seen, expected) in [
            (
                Some(Seen { calls: 99, p99_ms: 812.3 }),
                "longest 900 ms, p99 of this client's own 812 ms in 99 calls, 0.0",
            ),
            (None, "longest 900 ms, 0.0"),
        ] {
            let found = check(&counted("SELECT a", 100, 5_000.0, seen), &Thresholds::default());
            assert!(found[0].evidence.contains(expected), "{}", found[0].evidence);
        }
    }
}
