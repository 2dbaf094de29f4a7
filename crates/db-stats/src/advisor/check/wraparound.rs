//! Databases that near the end of their transaction numbers, where the server stops taking writes.

use super::super::{
    advice::{Advice, Plain},
    snapshot::Snapshot,
    thresholds::Thresholds,
};
use perfect21_core::Severity;

const NUMBERS: i64 = i32::MAX as i64;
/// Most tables whose vacuum is said.
const MAX_TABLES: usize = 10;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let (warning, critical) = thresholds.wraparound;
    let mut found = Vec::new();
    for database in snapshot.ages.as_deref().unwrap_or_default() {
        let (age, what) = (database.frozen_age, "transaction");
        let (age, what) =
            if database.multixact_age > age { (database.multixact_age, "multixact") } else { (age, what) };
        let share = age as f64 / NUMBERS as f64;
        if share < warning {
            continue;
        }
        let severity = if share >= critical { Severity::Critical } else { Severity::Warning };
        let mut advice = Advice::new("wraparound", Plain(&database.name), severity)
            .evidence(format!("{age} {what} numbers are in use, {} are left", NUMBERS - age))
            .advice("end what holds old rows (long and prepared transactions, slots), then vacuum the oldest tables in this database");
        if database.name == snapshot.server.database {
            let mut tables: Vec<_> = snapshot.tables().iter().collect();
            tables.sort_by_key(|table| std::cmp::Reverse(table.frozen_age.max(table.multixact_age)));
            let old = |age: i64| age as f64 / NUMBERS as f64 >= warning;
            let tables = tables.into_iter().filter(|table| old(table.frozen_age.max(table.multixact_age)));
            for table in tables.take(MAX_TABLES) {
                advice = advice.fix(format!("VACUUM (FREEZE) {}", table.name.sql()));
            }
        }
        found.push(advice);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisor::snapshot::{DatabaseAge, Table};

    #[test]
    fn both_kinds_of_numbers_end() {
        for (frozen_age, multixact_age, severity) in [
            (200_000_000, 0, None),
            (1_200_000_000, 0, Some(Severity::Warning)),
            (0, 1_200_000_000, Some(Severity::Warning)),
            (2_000_000_000, 5, Some(Severity::Critical)),
        ] {
            let mut snapshot = Snapshot::empty();
            snapshot.server.database = "shop".into();
            snapshot.ages = Ok(vec![DatabaseAge { name: "shop".into(), frozen_age, multixact_age }]);
            let table = |frozen_age, multixact_age| Table { frozen_age, multixact_age, ..Table::default() };
            snapshot.tables = Ok(vec![table(5, 5), table(frozen_age, multixact_age)]);
            let found = check(&snapshot, &Thresholds::default());
            assert_eq!(found.first().map(|advice| advice.severity), severity, "{frozen_age} {multixact_age}");
            assert!(found.iter().all(|advice| advice.fix.len() == 1));
        }
    }
}
