//! Dead space in tables and indexes, by the usual estimate: what the rows should take against what is there.

use super::{
    super::{
        advice::{Advice, Confidence},
        snapshot::{Column, Columns, Index, Snapshot, Table},
        thresholds::Thresholds,
    },
    bytes,
};
use perfect21_core::Severity;

const PAGE_HEADER: f64 = 24.0;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let Ok(columns) = &snapshot.columns else { return Vec::new() };
    let block = snapshot.server.block_size as f64;
    let big = |rows: f64| rows >= thresholds.min_rows as f64;
    let mut found = Vec::new();
    for table in snapshot.tables().iter().filter(|table| !table.is_partitioned && big(table.rows)) {
        let expected = table_pages(table, columns.of(table.oid), block);
        let Some(dead) = wasted(table.pages, expected, block, thresholds) else { continue };
        let advice = Advice::new("table_bloat", &table.name, Severity::Warning)
            .evidence(evidence(table.pages, dead, block))
            .advice("VACUUM FULL writes the table anew and locks it meanwhile; pg_repack does so without")
            .gain(format!("{} of disk and cache", bytes(dead)))
            .fix(format!("VACUUM (FULL, ANALYZE) {}", table.name.sql()));
        found.push(advice.confidence(Confidence::Low));
    }
    let in_size = |index: &&Index| index.bytes(snapshot.server.block_size) >= thresholds.min_index_bytes;
    for index in
        snapshot.indexes().iter().filter(|index| index.is_valid && !index.is_partitioned).filter(in_size)
    {
        if index.method != "btree" || !big(index.rows) {
            continue;
        }
        let expected = index_pages(index, columns, block);
        let Some(dead) = wasted(index.pages, expected, block, thresholds) else { continue };
        let advice = Advice::new("index_bloat", &index.name, Severity::Warning)
            .evidence(evidence(index.pages, dead, block))
            .advice("build the index anew beside the old one, while all go on")
            .gain(format!("{} of disk and cache", bytes(dead)))
            .fix(format!("REINDEX INDEX CONCURRENTLY {}", index.name.sql()));
        found.push(advice.confidence(Confidence::Low));
    }
    found
}

fn evidence(pages: i64, dead: i64, block: f64) -> String {
    format!("an estimate: {} of {} are dead space", bytes(dead), bytes((pages as f64 * block) as i64))
}

/// Bytes that are too many, if they are worth saying.
fn wasted(pages: i64, expected: Option<f64>, block: f64, thresholds: &Thresholds) -> Option<i64> {
    let dead = (pages as f64 - expected?) * block;
    let share = dead / (pages as f64 * block).max(1.0);
    (share >= thresholds.bloat_share && dead >= thresholds.bloat_bytes as f64).then_some(dead as i64)
}

fn aligned(size: f64) -> f64 {
    (size / 8.0).ceil() * 8.0
}

/// Width of a row's data and whether it may have nulls, if `ANALYZE` knows every column.
fn width<'c>(columns: impl IntoIterator<Item = Option<&'c Column>>) -> Option<(f64, bool)> {
    let (mut sum, mut nulls) = (0.0, false);
    for column in columns {
        let (null_share, width, _) = column?.statistics?;
        sum += (1.0 - null_share) * f64::from(width);
        nulls |= null_share > 0.0;
    }
    Some((sum, nulls))
}

fn table_pages(table: &Table, columns: &[Column], block: f64) -> Option<f64> {
    let (data, nulls) = width(columns.iter().map(Some))?;
    let bitmap = if nulls { columns.len() as f64 / 8.0 } else { 0.0 };
    // A pointer, the header, the data; columns are aligned each by itself, which costs some bytes more.
    let row = 4.0 + aligned(23.0 + bitmap) + aligned(data);
    let a_page = ((block - PAGE_HEADER) * table.number("fillfactor", 100.0) / 100.0 / row).floor();
    (a_page >= 1.0).then(|| (table.rows / a_page).ceil())
}

fn index_pages(index: &Index, columns: &Columns, block: f64) -> Option<f64> {
    // The width of an expression is not known.
    let keys = index.columns.iter().map(|number| columns.get(index.table, *number));
    let (data, nulls) = width(keys)?;
    let entry = 4.0 + aligned(8.0 + if nulls { 4.0 } else { 0.0 } + data);
    let a_page = ((block - PAGE_HEADER - 16.0) * 0.9 / entry).floor();
    // The inner pages, and the one that describes the index.
    (a_page >= 1.0).then(|| (index.rows / a_page).ceil() * 1.01 + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn snapshot(pages: i64) -> Snapshot {
        let mut snapshot = Snapshot::empty();
        snapshot.server.block_size = 8192;
        let table = Table { oid: 1, rows: 1e6, pages, ..Table::default() };
        // 4 + 24 + 16 bytes a row: 185 rows a page, 5406 pages.
        let column = |number| Column { number, statistics: Some((0.0, 8, -1.0)), ..Column::default() };
        snapshot.columns = Ok(Columns(HashMap::from([(1, vec![column(1), column(2)])])));
        let index = Index {
            table: 1,
            rows: 1e6,
            pages,
            is_valid: true,
            method: "btree".into(),
            columns: vec![1],
            key_columns: 1,
            ..Index::default()
        };
        snapshot.tables = Ok(vec![table]);
        snapshot.indexes = Ok(vec![index]);
        snapshot
    }

    #[test]
    fn half_of_the_pages_is_bloat_and_a_third_is_none() {
        let thresholds = Thresholds::default();
        let checks = |pages| check(&snapshot(pages), &thresholds).iter().map(|a| a.check).collect::<Vec<_>>();
        assert_eq!(checks(5406), Vec::<&str>::new());
        assert_eq!(checks(5406 * 3 / 2), ["index_bloat"], "an index of 2733 pages");
        assert_eq!(checks(5406 * 2 + 2), ["table_bloat", "index_bloat"]);
    }

    #[test]
    fn without_statistics_there_is_no_estimate() {
        let mut snapshot = snapshot(1_000_000);
        if let Ok(columns) = &mut snapshot.columns {
            columns.0.get_mut(&1).unwrap()[0].statistics = None;
        }
        assert_eq!(check(&snapshot, &Thresholds::default()), []);
    }
}
