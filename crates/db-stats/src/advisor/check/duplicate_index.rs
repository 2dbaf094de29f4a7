//! Indexes that another one does the work of.

use super::{
    super::{
        advice::{Advice, Confidence},
        snapshot::{Index, Snapshot},
        thresholds::Thresholds,
    },
    bytes,
};
use crate::sql::Ident;
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, _: &Thresholds) -> Vec<Advice> {
    let pairs = pairs(snapshot).into_iter();
    pairs.map(|(index, other)| advise(index, other, snapshot.server.block_size)).collect()
}

/// Indexes that may go, each with the one that does its work.
pub(super) fn pairs(snapshot: &Snapshot) -> Vec<(&Index, &Index)> {
    let mut found = Vec::new();
    for group in snapshot.indexes_by_table() {
        for index in group.iter().copied().filter(|index| is_droppable(index)) {
            let other = group.iter().copied().find(|other| covers(other, index) && yields(index, other));
            found.extend(other.map(|other| (index, other)));
        }
    }
    found
}

fn advise(index: &Index, other: &Index, block_size: i64) -> Advice {
    let same = other.columns == index.columns;
    let what = if same { "is the same as" } else { "is the beginning of" };
    let size = bytes(index.bytes(block_size));
    let mut advice = Advice::new("duplicate_index", &index.name, Severity::Warning)
        .evidence(format!("{size}, on {}: it {what} {}", index.table_name, other.name))
        .advice("drop it: what it finds, the other finds, and each write is done twice")
        .gain(format!("{size}, and the work of each write"))
        .fix(drop(index));
    if let Some(definition) = &index.definition {
        advice = advice.undo(build_again(index, definition));
    }
    advice.confidence(if same { Confidence::High } else { Confidence::Medium })
}

/// That of a partitioned table cannot be dropped `CONCURRENTLY`.
pub(super) fn drop(index: &Index) -> String {
    let how = if index.is_partitioned { "" } else { "CONCURRENTLY " };
    format!("DROP INDEX {how}{}", index.name.sql())
}

/// The server's own text of the index, to be built beside its readers and writers; that of a partitioned table with all
/// its partitions, which cannot be.
pub(super) fn build_again(index: &Index, definition: &str) -> String {
    for beginning in ["CREATE UNIQUE INDEX ", "CREATE INDEX "] {
        let Some(rest) = definition.strip_prefix(beginning) else { continue };
        if !index.is_partitioned {
            return format!("{beginning}CONCURRENTLY {rest}");
        }
        let bare = &index.name.name;
        for name in [Ident(bare).to_string(), bare.clone()] {
            if let Some(rest) = rest.strip_prefix(&format!("{name} ON ONLY ")) {
                return format!("{beginning}{name} ON {rest}");
            }
        }
    }
    definition.to_owned()
}

fn is_droppable(index: &Index) -> bool {
    index.is_valid && !index.backs_constraint && !index.is_marked && !index.is_attached
}

/// Whether `other` finds all that `index` finds, and forbids all that it forbids.
fn covers(other: &Index, index: &Index) -> bool {
    if other.oid == index.oid
        || !other.is_valid
        || other.is_attached
        || other.is_partitioned != index.is_partitioned
        || other.method != index.method
        || other.predicate != index.predicate
        || (index.is_unique && !(other.is_unique && other.nulls_equal == index.nulls_equal))
    {
        return false;
    }
    let keys = index.key_columns;
    let same_key = begins(other.key(), index.key())
        && begins(&other.classes, &index.classes)
        && begins(&other.collations, &index.collations)
        && begins(&other.orders, &index.orders);
    // Only a B-tree is read by the beginning of its key. Another key is another uniqueness.
    let whole = other.key_columns == keys;
    if !same_key || !(whole || (index.method == "btree" && !index.is_unique)) {
        return false;
    }
    // The expressions of both keys are compared as a whole: the texts of the single ones are not told apart here.
    let expressions = if index.key().contains(&0) || (whole && other.key().contains(&0)) {
        index.expressions == other.expressions
    } else {
        true
    };
    expressions && index.columns.iter().all(|column| other.columns.contains(column))
}

fn begins(long: &[i64], short: &[i64]) -> bool {
    long.len() >= short.len() && long.iter().zip(short).all(|(a, b)| a == b)
}

/// Of two that do each other's work one stays: what must, what is unique, what is used more, what was first.
fn yields(index: &Index, other: &Index) -> bool {
    if !covers(index, other) || !is_droppable(other) {
        return true;
    }
    let rank = |index: &Index| (index.is_unique, index.scans, std::cmp::Reverse(index.oid));
    rank(index) < rank(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(oid: i64, columns: &[i64]) -> Index {
        Index {
            oid,
            table: 1,
            is_valid: true,
            method: "btree".into(),
            key_columns: columns.len(),
            columns: columns.to_vec(),
            classes: vec![7; columns.len()],
            collations: vec![0; columns.len()],
            orders: vec![0; columns.len()],
            ..Index::default()
        }
    }

    fn found(indexes: Vec<Index>) -> Vec<i64> {
        let mut snapshot = Snapshot::empty();
        let names = indexes.into_iter().map(|mut index| {
            index.name.name = index.oid.to_string();
            index
        });
        snapshot.indexes = Ok(names.collect());
        let found = check(&snapshot, &Thresholds::default());
        found
            .iter()
            .map(|a| a.object.trim_start_matches(".").replace(['"', '.'], "").parse().unwrap())
            .collect()
    }

    #[test]
    fn one_of_two_equal_ones_goes_and_it_is_the_less_used() {
        assert_eq!(found(vec![index(1, &[1]), index(2, &[1])]), [2]);
        let used = Index { scans: 9, ..index(2, &[1]) };
        assert_eq!(found(vec![index(1, &[1]), used]), [1]);
        assert_eq!(found(vec![index(1, &[1]), index(2, &[1]), index(3, &[1])]), [2, 3]);
    }

    #[test]
    fn a_left_prefix_goes_and_lookalikes_stay() {
        assert_eq!(found(vec![index(1, &[1]), index(2, &[1, 2])]), [1]);
        assert_eq!(found(vec![index(1, &[2]), index(2, &[1, 2])]), []);
        let mut other = vec![index(1, &[1]); 9];
        other[1].orders = vec![3];
        other[2].collations = vec![100];
        other[3].classes = vec![8];
        other[4].predicate = Some("p".into());
        other[5].method = "hash".into();
        (other[6].columns, other[6].expressions) = (vec![0], Some("e".into()));
        other[7].is_partitioned = true;
        other[8].is_attached = true;
        for (nth, index) in other.iter_mut().enumerate() {
            index.oid = nth as i64 + 1;
        }
        assert_eq!(found(other), []);
    }

    #[test]
    fn a_constraint_and_a_wider_unique_index_are_not_the_same() {
        let unique = |oid, columns: &[i64]| Index { is_unique: true, ..index(oid, columns) };
        let key = Index { backs_constraint: true, ..unique(1, &[1]) };
        assert_eq!(found(vec![key.clone(), unique(2, &[1])]), [2]);
        assert_eq!(found(vec![key.clone(), index(2, &[1, 2])]), []);
        assert_eq!(found(vec![unique(1, &[1]), unique(2, &[1, 2])]), []);
        let mut included = index(2, &[1, 2]);
        included.key_columns = 1;
        included.classes.truncate(1);
        assert_eq!(found(vec![index(1, &[1]), included.clone()]), [1]);
        // What is included in one only keeps it.
        assert_eq!(found(vec![index(1, &[1, 3]), included]), []);
    }

    #[test]
    fn it_is_built_again_beside_its_users() {
        let text = "CREATE INDEX a ON b USING btree (c)";
        assert_eq!(build_again(&index(1, &[1]), text), "CREATE INDEX CONCURRENTLY a ON b USING btree (c)");
        let mut parted = Index { is_partitioned: true, ..index(1, &[1]) };
        parted.name.name = "a ON ONLY b".into();
        let text = "CREATE INDEX \"a ON ONLY b\" ON ONLY s.t USING btree (c)";
        assert_eq!(build_again(&parted, text), "CREATE INDEX \"a ON ONLY b\" ON s.t USING btree (c)");
    }
}
