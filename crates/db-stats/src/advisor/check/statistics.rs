//! Tables of which the planner knows nothing, or what was.

use super::super::{
    advice::{Advice, Confidence},
    snapshot::{Snapshot, Table},
    thresholds::Thresholds,
};
use super::rows;
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let server = &snapshot.server;
    let judge = |table: &&Table| {
        let due = table.number("autovacuum_analyze_threshold", server.analyze_threshold)
            + table.number("autovacuum_analyze_scale_factor", server.analyze_scale) * table.rows.max(0.0);
        // `rows` is negative if nothing ever counted them; a restored server has counts but no time of them.
        let never = !table.was_analyzed && table.rows < 0.0;
        table.live >= thresholds.min_rows && (never || table.modified as f64 > 2.0 * due)
    };
    let stale = snapshot.tables().iter().filter(|table| !table.is_partitioned).filter(judge);
    let advice = stale.map(|table| {
        let evidence = if table.was_analyzed {
            format!(
                "{} rows changed since they were analysed, of {}",
                rows(table.modified as f64),
                rows(table.live as f64)
            )
        } else {
            format!("{} rows, never analysed", rows(table.live as f64))
        };
        Advice::new("stale_statistics", &table.name, Severity::Warning)
            .evidence(evidence)
            .advice("analyse it; if that comes back, look whether autovacuum runs")
            .fix(format!("ANALYZE {}", table.name.sql()))
            .confidence(Confidence::Medium)
    });
    advice.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_what_autovacuum_waits_for() {
        for (rows, live, modified, was_analyzed, expected) in [
            (100_000.0, 100_000, 20_000, true, 0),
            (100_000.0, 100_000, 20_101, true, 1),
            (-1.0, 10_000, 0, false, 1),
            (-1.0, 9_999, 0, false, 0),
            (10_000.0, 10_000, 0, false, 0),
        ] {
            let table = Table { rows, live, modified, was_analyzed, ..Table::default() };
            let mut snapshot = Snapshot::empty();
            snapshot.server.analyze_threshold = 50.0;
            snapshot.server.analyze_scale = 0.1;
            snapshot.tables = Ok(vec![table]);
            assert_eq!(check(&snapshot, &Thresholds::default()).len(), expected, "{rows} {live} {modified}");
        }
    }
}
