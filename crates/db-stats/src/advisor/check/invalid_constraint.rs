//! Constraints that new rows keep, and old ones may break.

use super::super::{
    advice::{Advice, Plain},
    snapshot::Snapshot,
    thresholds::Thresholds,
};
use crate::sql::Ident;
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, _: &Thresholds) -> Vec<Advice> {
    let constraints = snapshot.invalid_constraints.as_deref().unwrap_or_default().iter();
    let advice = constraints.map(|constraint| {
        let table = &constraint.table;
        Advice::new("invalid_constraint", format!("{table}.{}", Plain(&constraint.name)), Severity::Warning)
            .evidence(format!("a {} constraint that was never validated", constraint.kind))
            .advice("validate it, which reads the table and lets all go on; rows that break it are named by the error")
            .fix(format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table.sql(), Ident(&constraint.name)))
    });
    advice.collect()
}
