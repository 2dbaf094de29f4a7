//! Indexes that are written and never read.

use super::{
    super::{
        advice::{Advice, Confidence},
        snapshot::{Index, Snapshot},
        thresholds::Thresholds,
    },
    bytes, duplicate_index, foreign_key, rows, seconds,
};
use perfect21_core::Severity;
use std::collections::HashSet;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let age = snapshot.database.as_deref().unwrap_or_default().first().map_or(0.0, |database| database.age);
    if age < thresholds.min_stats_age.as_secs_f64() {
        return Vec::new();
    }
    // Of two that do the same one goes already, and the other one may be used then.
    let pairs = duplicate_index::pairs(snapshot).into_iter();
    let paired: HashSet<i64> = pairs.flat_map(|(index, other)| [index.oid, other.oid]).collect();
    let unused = snapshot.indexes().iter().filter(|index| {
        index.scans <= thresholds.unused_scans
            && index.bytes(snapshot.server.block_size) >= thresholds.min_index_bytes
            && is_droppable(index)
            && !paired.contains(&index.oid)
            && !is_needed_by_a_key(index, snapshot, thresholds)
    });
    let advice = unused.map(|index| {
        let size = bytes(index.bytes(snapshot.server.block_size));
        let written = snapshot.table(index.table).map_or(0, |table| table.written);
        let advice = Advice::new("unused_index", &index.name, Severity::Info)
            .evidence(format!(
                "{} scans in {}, {size}, on {} with {} writes; what replicas read is not seen here",
                index.scans,
                seconds(age),
                index.table_name,
                rows(written as f64)
            ))
            .advice("drop it, after a look at the replicas and at what runs once a month")
            .gain(format!("{size}, and the work of each write"))
            .fix(duplicate_index::drop(index));
        let advice = match &index.definition {
            Some(definition) => advice.undo(duplicate_index::build_again(index, definition)),
            None => advice,
        };
        advice.confidence(Confidence::Medium)
    });
    advice.collect()
}

/// Not what a constraint needs, forbids duplicates, or belongs to a partitioned table: there the other partitions count.
fn is_droppable(index: &Index) -> bool {
    let is_kept = index.is_unique || index.backs_constraint || index.is_marked;
    index.is_valid && !is_kept && !index.is_attached && !index.is_partitioned
}

/// Whether a foreign key has no other index that stays: its checks need one when a referenced row goes, which may be
/// seldom. Of several unused ones the first stays.
fn is_needed_by_a_key(index: &Index, snapshot: &Snapshot, thresholds: &Thresholds) -> bool {
    let stays = |other: &Index| {
        other.oid < index.oid || other.scans > thresholds.unused_scans || !is_droppable(other)
    };
    let keys = snapshot.foreign_keys.as_deref().unwrap_or_default();
    keys.iter().filter(|key| foreign_key::serves(index, key)).any(|key| {
        let mut others = snapshot.indexes().iter().filter(|other| other.oid != index.oid);
        !others.any(|other| foreign_key::serves(other, key) && stays(other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisor::snapshot::{Database, ForeignKey};

    #[test]
    fn only_what_nothing_needs() {
        let plain = || Index {
            oid: 9,
            table: 1,
            pages: 1000,
            is_valid: true,
            method: "btree".into(),
            key_columns: 1,
            columns: vec![1],
            ..Index::default()
        };
        for (index, age, expected) in [
            (plain(), 1e6, 1),
            (plain(), 1e5, 0),
            (Index { scans: 1, ..plain() }, 1e6, 0),
            (Index { pages: 1, ..plain() }, 1e6, 0),
            (Index { is_unique: true, ..plain() }, 1e6, 0),
            (Index { backs_constraint: true, ..plain() }, 1e6, 0),
            (Index { is_marked: true, ..plain() }, 1e6, 0),
            (Index { is_attached: true, ..plain() }, 1e6, 0),
            (Index { columns: vec![2], ..plain() }, 1e6, 0),
        ] {
            let mut snapshot = Snapshot::empty();
            snapshot.server.block_size = 8192;
            snapshot.database = Ok(vec![Database { age, ..Database::default() }]);
            snapshot.foreign_keys =
                Ok(vec![ForeignKey { table: 1, columns: vec![2], ..ForeignKey::default() }]);
            snapshot.indexes = Ok(vec![index.clone()]);
            assert_eq!(check(&snapshot, &Thresholds::default()).len(), expected, "{index:?}");
        }
    }

    #[test]
    fn of_several_that_serve_one_key_one_stays() {
        let plain = |oid, columns: &[i64]| Index {
            oid,
            table: 1,
            pages: 1000,
            is_valid: true,
            method: "btree".into(),
            key_columns: 2,
            columns: columns.to_vec(),
            ..Index::default()
        };
        let mut snapshot = Snapshot::empty();
        snapshot.server.block_size = 8192;
        snapshot.database = Ok(vec![Database { age: 1e6, ..Database::default() }]);
        snapshot.foreign_keys = Ok(vec![ForeignKey { table: 1, columns: vec![2], ..ForeignKey::default() }]);
        snapshot.indexes = Ok(vec![plain(7, &[2, 3]), plain(8, &[2, 4])]);
        assert_eq!(check(&snapshot, &Thresholds::default()).len(), 1);
        // One is the other's beginning: that is said by another check, and neither is unused besides.
        let short = Index { key_columns: 1, columns: vec![5], ..plain(9, &[]) };
        snapshot.indexes = Ok(vec![short, plain(10, &[5, 6])]);
        assert_eq!(check(&snapshot, &Thresholds::default()), []);
    }
}
