//! Foreign keys whose columns no index begins with: each delete of a referenced row reads the whole table.

use super::super::{
    advice::{Advice, columns, plain_columns},
    snapshot::{ForeignKey, Index, Snapshot},
    thresholds::Thresholds,
};
use super::rows;
use crate::sql::Ident;
use perfect21_core::Severity;
use std::collections::HashSet;

pub(super) fn check(snapshot: &Snapshot, _: &Thresholds) -> Vec<Advice> {
    if snapshot.indexes.is_err() {
        return Vec::new();
    }
    let keys = snapshot.foreign_keys.as_deref().unwrap_or_default();
    let bare = keys.iter().filter(|key| !snapshot.indexes().iter().any(|index| serves(index, key)));
    // One index serves all keys of the same columns.
    let mut seen = HashSet::new();
    bare.filter(|key| seen.insert((key.table, &key.columns))).map(|key| advise(key, snapshot)).collect()
}

/// Whether the index finds the rows of the foreign key: its columns lead, in whatever order.
pub(super) fn serves(index: &Index, key: &ForeignKey) -> bool {
    let leading = index.key().get(..key.columns.len()).unwrap_or_default();
    index.table == key.table
        && index.is_plain()
        && !leading.is_empty()
        && key.columns.iter().all(|column| leading.contains(column))
        || (index.table == key.table
            && index.is_valid
            && index.method == "hash"
            && index.key() == key.columns)
            && index.predicate.is_none()
}

fn advise(key: &ForeignKey, snapshot: &Snapshot) -> Advice {
    let table = snapshot.table(key.table);
    let count = table.map_or(0.0, |table| table.rows.max(table.live as f64).max(0.0));
    let is_partitioned = table.is_some_and(|table| table.is_partitioned);
    let name = index_name(&key.table_name.name, &key.column_names, snapshot, key.table);
    let how = if is_partitioned { "" } else { "CONCURRENTLY " };
    let lock = if is_partitioned { "; it locks out writers until it is built" } else { "" };
    let severity = if count >= 10_000.0 { Severity::Warning } else { Severity::Info };
    Advice::new(
        "foreign_key_without_index",
        format!("{}({})", key.table_name, plain_columns(&key.column_names)),
        severity,
    )
    .evidence(format!(
        "no index begins with the columns of {}, which refer to {}; the table has {} rows",
        Ident(&key.name),
        key.referenced,
        rows(count)
    ))
    .advice(format!(
        "build an index, unless rows of {} are never deleted nor their keys changed{lock}",
        key.referenced
    ))
    .fix(format!(
        "CREATE INDEX {how}{} ON {} ({})",
        Ident(&name),
        key.table_name.sql(),
        columns(&key.column_names)
    ))
    .undo(format!("DROP INDEX {how}{}", key.table_name.sibling(&name).sql()))
}

/// `table_column_idx`, cut to what the server keeps of a name, and not there yet.
pub(in super::super) fn index_name(table: &str, columns: &[String], snapshot: &Snapshot, of: i64) -> String {
    let schema = snapshot.table(of).map(|table| table.name.schema.as_str()).unwrap_or_default();
    let stem = format!("{table}_{}", columns.join("_"));
    let mut nth = 0;
    loop {
        let end = if nth == 0 { "_idx".to_owned() } else { format!("_idx{nth}") };
        let name = format!("{}{end}", cut(&stem, 63 - end.len()));
        let is_taken = |name: &str| {
            snapshot.indexes().iter().any(|index| index.name.schema == schema && index.name.name == name)
                || snapshot
                    .tables()
                    .iter()
                    .any(|table| table.name.schema == schema && table.name.name == name)
        };
        if !is_taken(&name) {
            return name;
        }
        nth += 1;
    }
}

/// At most so many bytes, ended between two characters.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_of_the_leading_columns_will_do() {
        let key = ForeignKey { table: 1, columns: vec![1, 2], ..ForeignKey::default() };
        for (columns, predicate, expected) in [
            (&[1, 2][..], None, true),
            (&[2, 1, 3], None, true),
            (&[1, 3, 2], None, false),
            (&[1], None, false),
            (&[1, 2], Some("x > 0".to_owned()), false),
        ] {
            let (key_columns, columns) = (columns.len(), columns.to_vec());
            let index = Index {
                table: 1,
                is_valid: true,
                method: "btree".into(),
                key_columns,
                columns,
                predicate,
                ..Index::default()
            };
            assert_eq!(serves(&index, &key), expected, "{index:?}");
        }
    }

    #[test]
    fn two_keys_of_the_same_columns_need_one_index() {
        let key =
            |columns: &[i64]| ForeignKey { table: 1, columns: columns.to_vec(), ..ForeignKey::default() };
        let mut snapshot = Snapshot::empty();
        snapshot.foreign_keys = Ok(vec![key(&[1]), key(&[1]), key(&[2])]);
        assert_eq!(check(&snapshot, &Thresholds::default()).len(), 2);
    }

    #[test]
    fn names_are_cut_between_characters_and_are_new() {
        let mut snapshot = Snapshot::empty();
        let name = index_name("t", &["ä".repeat(40)], &snapshot, 0);
        assert_eq!(name, format!("t_{}_idx", "ä".repeat(28)));
        let mut taken = Index::default();
        taken.name.name = "t_a_idx".into();
        snapshot.indexes = Ok(vec![taken]);
        assert_eq!(index_name("t", &["a".into()], &snapshot, 0), "t_a_idx1");
    }
}
