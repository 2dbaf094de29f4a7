//! Indexes that a use of a table might need, and that are not there.

use super::{super::snapshot::Snapshot, uses::Use};

/// Most indexes tried for one use.
const MAX_TRIED: usize = 12;

/// Types that a B-tree does not order, or not usefully.
const UNORDERED: [&str; 11] =
    ["json", "jsonb", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle", "tsvector"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) table: i64,
    pub(super) columns: Vec<i64>,
}

/// With fewer columns first. Columns that are compared by `=` come before one range or the order; of these the one
/// that leaves fewest rows is the first.
pub(super) fn candidates(used: &Use, snapshot: &Snapshot) -> Vec<Candidate> {
    let (Ok(columns), Some(table)) = (&snapshot.columns, snapshot.table(used.table)) else {
        return Vec::new();
    };
    let rows = table.rows.max(1.0);
    let mut equal = used.equal.clone();
    equal.extend(used.joined.iter().filter(|number| !used.equal.contains(number)));
    equal.sort_by(|a, b| {
        let left =
            |number: i64| columns.get(used.table, number).map_or(rows, |column| column.rows_a_value(rows));
        left(*a).total_cmp(&left(*b))
    });
    equal.truncate(4);
    let mut lists: Vec<Vec<i64>> = equal.iter().map(|number| vec![*number]).collect();
    for end in 2..=equal.len().min(3) {
        lists.push(equal[..end].to_vec());
    }
    for range in used.ranges.iter().take(2) {
        for begin in 0..=equal.len().min(2) {
            lists.push(equal[..begin].iter().chain([range]).copied().collect());
        }
    }
    if !used.order.is_empty() {
        let order = &used.order[..used.order.len().min(3)];
        for begin in 0..=equal.len().min(2) {
            lists.push(equal[..begin].iter().chain(order).copied().collect());
        }
    }
    for list in &mut lists {
        let mut seen = Vec::new();
        list.retain(|number| {
            !seen.contains(number) && {
                seen.push(*number);
                true
            }
        });
    }
    lists.retain(|list| {
        let known = list.iter().map(|number| columns.get(used.table, *number));
        known
            .into_iter()
            .all(|column| column.is_some_and(|column| !UNORDERED.contains(&column.type_name.as_str())))
    });
    lists.retain(|list| !is_there(used.table, list, &equal, snapshot));
    lists.sort_by_key(Vec::len);
    lists.dedup();
    lists.truncate(MAX_TRIED);
    lists.into_iter().map(|columns| Candidate { table: used.table, columns }).collect()
}

/// Whether an index begins with these columns; those that are compared by `=` may be in any order.
fn is_there(table: i64, list: &[i64], equal: &[i64], snapshot: &Snapshot) -> bool {
    let any_order = list.iter().all(|number| equal.contains(number));
    snapshot.indexes().iter().any(|index| {
        let Some(leading) = index.key().get(..list.len()) else { return false };
        index.table == table
            && index.is_plain()
            && (leading == list || (any_order && list.iter().all(|number| leading.contains(number))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisor::snapshot::{Column, Columns, Index, Table};
    use std::collections::HashMap;

    fn lists(used: &Use, indexes: &[&[i64]]) -> Vec<Vec<i64>> {
        let mut snapshot = Snapshot::empty();
        snapshot.tables = Ok(vec![Table { oid: 1, rows: 1e6, ..Table::default() }]);
        // Column 2 tells rows apart best; 4 is JSON.
        let column = |number: i64, distinct| Column {
            number,
            type_name: if number == 4 { "json" } else { "int4" }.into(),
            statistics: Some((0.0, 4, distinct)),
            ..Column::default()
        };
        let columns = vec![column(1, 10.0), column(2, -1.0), column(3, 100.0), column(4, 5.0)];
        snapshot.columns = Ok(Columns(HashMap::from([(1, columns)])));
        let indexes = indexes.iter().map(|columns| Index {
            table: 1,
            is_valid: true,
            method: "btree".into(),
            columns: columns.to_vec(),
            key_columns: columns.len(),
            ..Index::default()
        });
        snapshot.indexes = Ok(indexes.collect());
        candidates(used, &snapshot).into_iter().map(|candidate| candidate.columns).collect()
    }

    #[test]
    fn what_leaves_fewest_rows_is_first_and_what_is_there_is_not_tried() {
        let used = Use { table: 1, equal: vec![1, 2], ranges: vec![3], ..Use::default() };
        assert_eq!(lists(&used, &[]), [&[2][..], &[1], &[3], &[2, 1], &[2, 3], &[2, 1, 3]]);
        assert_eq!(lists(&used, &[&[1, 2, 4], &[3]]), [&[2][..], &[2, 3], &[2, 1, 3]]);
        let json = Use { table: 1, equal: vec![4], ..Use::default() };
        assert_eq!(lists(&json, &[]), Vec::<Vec<i64>>::new());
        let ordered = Use { table: 1, equal: vec![1], order: vec![3, 1], ..Use::default() };
        assert_eq!(lists(&ordered, &[]), [&[1][..], &[3, 1], &[1, 3]]);
        assert_eq!(lists(&Use { table: 2, ..ordered }, &[]), Vec::<Vec<i64>>::new());
    }
}
