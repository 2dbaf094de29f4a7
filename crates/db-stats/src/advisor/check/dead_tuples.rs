//! Dead rows that autovacuum should have taken away, or never will.

use super::{
    super::{
        advice::{Advice, Confidence},
        snapshot::{Server, Snapshot, Table},
        thresholds::Thresholds,
    },
    rows,
};
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let tables = snapshot.tables().iter().filter(|table| !table.is_partitioned);
    tables.filter_map(|table| judge(table, &snapshot.server, thresholds)).collect()
}

fn judge(table: &Table, server: &Server, thresholds: &Thresholds) -> Option<Advice> {
    // The formula of autovacuum.
    let due = table.number("autovacuum_vacuum_threshold", server.vacuum_threshold)
        + table.number("autovacuum_vacuum_scale_factor", server.vacuum_scale) * table.rows.max(0.0);
    let is_off = is_off(table.option("autovacuum_enabled"));
    let is_late = if is_off || !server.autovacuum { due } else { 2.0 * due };
    if table.dead < thresholds.dead_tuples || (table.dead as f64) <= is_late {
        return None;
    }
    let why = if is_off {
        "; autovacuum is off for it"
    } else if server.autovacuum {
        ""
    } else {
        "; autovacuum is off"
    };
    let name = table.name.sql();
    let mut advice = Advice::new("dead_tuples", &table.name, Severity::Warning)
        .evidence(format!(
            "{} dead rows of {}; autovacuum is due from {}{why}",
            rows(table.dead as f64),
            rows((table.dead + table.live) as f64),
            rows(due)
        ))
        .advice("vacuum it now; if dead rows stay, look for what holds them: a long transaction, a slot")
        .fix(format!("VACUUM (ANALYZE) {name}"));
    if is_off {
        advice = advice
            .fix(format!("ALTER TABLE {name} RESET (autovacuum_enabled)"))
            .undo(format!("ALTER TABLE {name} SET (autovacuum_enabled = false)"));
    }
    Some(advice.confidence(Confidence::Medium))
}

fn is_off(option: Option<&str>) -> bool {
    option.is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        // As the server reads a boolean: any beginning of these words.
        !value.is_empty()
            && (value == "0"
                || "false".starts_with(&value)
                || "no".starts_with(&value)
                || value == "off"
                || value == "of")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_is_that_of_autovacuum() {
        let server =
            Server { autovacuum: true, vacuum_threshold: 50.0, vacuum_scale: 0.2, ..Server::default() };
        let thresholds = Thresholds::default();
        // Due from 20 050.
        for (dead, options, expected) in [
            (19_000, &[][..], false),
            (40_100, &[], false),
            (40_101, &[], true),
            (20_051, &["autovacuum_enabled=false"], true),
            (20_051, &["autovacuum_enabled=on"], false),
            (20_050, &["autovacuum_enabled=off"], false),
            (20_051, &["autovacuum_vacuum_scale_factor=0.05"], true),
            (9_999, &["autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=1"], false),
        ] {
            let options = options.iter().map(|&option| option.to_owned()).collect();
            let table = Table { rows: 100_000.0, dead, options, ..Table::default() };
            assert_eq!(judge(&table, &server, &thresholds).is_some(), expected, "{dead} {:?}", table.options);
        }
    }
}
