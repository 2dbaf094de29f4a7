//! Sorts and hashes that did not fit into memory.

use super::super::{
    advice::{Advice, Confidence},
    snapshot::Snapshot,
    thresholds::Thresholds,
};
use super::bytes;
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let Some(database) = snapshot.database.as_deref().unwrap_or_default().first() else { return Vec::new() };
    // A younger server is taken as a day old: one large report is no habit.
    let days = (database.age / 86_400.0).max(1.0);
    let a_day = (database.temp_bytes as f64 / days) as i64;
    if database.temp_files == 0 || a_day < thresholds.temp_bytes_a_day {
        return Vec::new();
    }
    let advice = Advice::new("temp_files", "work_mem", Severity::Info)
        .evidence(format!(
            "{} a day in temporary files, {} files in {days:.0} days; work_mem is {}",
            bytes(a_day), database.temp_files, snapshot.server.work_mem
        ))
        .advice("find the statements (log_temp_files = '10MB') and raise work_mem for their role: each sort of each session may take as much");
    vec![advice.confidence(Confidence::Medium)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisor::snapshot::Database;

    #[test]
    fn a_day_is_the_measure() {
        for (temp_bytes, age, expected) in
            [(2 << 30, 10.0, 1), (2 << 30, 86_400.0 * 3.0, 0), (1 << 20, 1.0, 0)]
        {
            let mut snapshot = Snapshot::empty();
            snapshot.database = Ok(vec![Database { temp_files: 1, temp_bytes, age, ..Database::default() }]);
            assert_eq!(check(&snapshot, &Thresholds::default()).len(), expected, "{temp_bytes} {age}");
        }
    }
}
