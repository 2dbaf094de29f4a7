//! Blocks that were not in the shared buffers.

use super::super::{
    advice::{Advice, Confidence},
    snapshot::Snapshot,
    thresholds::Thresholds,
};
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let Some(database) = snapshot.database.as_deref().unwrap_or_default().first() else { return Vec::new() };
    let all = database.hits + database.reads;
    let rate = database.hits as f64 / all.max(1) as f64;
    if database.reads < thresholds.cache_blocks || rate >= thresholds.cache_hit {
        return Vec::new();
    }
    let advice = Advice::new("cache_hit", "shared_buffers", Severity::Info)
        .evidence(format!("{:.1} % of {all} blocks were in the shared buffers", rate * 100.0))
        .advice("look for statements that read much first; then give shared_buffers a quarter of the memory");
    // What is not there may still be in the system's cache.
    vec![advice.confidence(Confidence::Low)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisor::snapshot::Database;

    #[test]
    fn few_reads_say_nothing() {
        let thresholds = Thresholds::default();
        for (hits, reads, expected) in [(10, 90_000, 0), (100_000, 100_000, 1), (99_000_000, 1_000_000, 0)] {
            let mut snapshot = Snapshot::empty();
            snapshot.database = Ok(vec![Database { hits, reads, ..Database::default() }]);
            assert_eq!(check(&snapshot, &thresholds).len(), expected, "{hits} {reads}");
        }
    }
}
