//! Tables whose rows nothing tells apart.

use super::super::{advice::Advice, snapshot::Snapshot, thresholds::Thresholds};
use super::rows;
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, _: &Thresholds) -> Vec<Advice> {
    // A partition has what its table has; a materialized view cannot have one.
    let tables = snapshot.tables().iter();
    let bare = tables.filter(|table| !table.has_primary_key && !table.is_partition && !table.is_view);
    let advice = bare.map(|table| {
        let unique = snapshot.indexes().iter().find(|index| {
            index.table == table.oid && index.is_unique && index.is_plain() && !index.key().contains(&0)
        });
        let beside = unique.map_or_else(String::new, |index| format!("; the unique index {} may become one", index.name));
        Advice::new("no_primary_key", &table.name, Severity::Info)
            .evidence(format!("no primary key on {} rows{beside}", rows(table.live as f64)))
            .advice("make the columns that tell its rows apart its primary key: logical replication needs one, and people too")
    });
    advice.collect()
}
