//! Checkpoints that came early, because the log was full.

use super::super::{
    advice::{Advice, Confidence},
    snapshot::Snapshot,
    thresholds::Thresholds,
};
use crate::sql::Literal;
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let Some((timed, requested)) = snapshot.checkpoints.as_deref().unwrap_or_default().first().copied()
    else {
        return Vec::new();
    };
    let share = requested as f64 / (timed + requested).max(1) as f64;
    if requested < 10 || share < thresholds.requested_checkpoints {
        return Vec::new();
    }
    let size = &snapshot.server.max_wal_size;
    let advice = Advice::new("checkpoints", "max_wal_size", Severity::Info)
        .evidence(format!("{requested} of {} checkpoints were requested, not timed; max_wal_size is {size}", timed + requested))
        .advice("raise max_wal_size (twice is a good step), unless backups or CHECKPOINT asked for them; then SELECT pg_reload_conf()");
    let advice = match doubled(size) {
        Some(more) => advice
            .fix(format!("ALTER SYSTEM SET max_wal_size = {}", Literal(&more)))
            .undo("ALTER SYSTEM RESET max_wal_size"),
        None => advice,
    };
    vec![advice.confidence(Confidence::Medium)]
}

fn doubled(size: &str) -> Option<String> {
    let unit = size.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = size[..unit].parse().ok()?;
    Some(format!("{}{}", number.checked_mul(2)?, &size[unit..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_or_a_small_share_are_fine() {
        for (timed, requested, expected) in [(0, 9, 0), (10, 10, 1), (100, 10, 0)] {
            let mut snapshot = Snapshot::empty();
            snapshot.server.max_wal_size = "1GB".into();
            snapshot.checkpoints = Ok(vec![(timed, requested)]);
            let found = check(&snapshot, &Thresholds::default());
            assert_eq!(found.len(), expected, "{timed} {requested}");
            assert!(found.iter().all(|advice| advice.fix == ["ALTER SYSTEM SET max_wal_size = '2GB'"]));
        }
    }
}
