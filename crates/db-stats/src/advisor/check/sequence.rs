//! Sequences that near the end of their range, or of the column that they feed.

use super::super::{
    advice::{Advice, Plain},
    snapshot::{Sequence, Snapshot},
    thresholds::Thresholds,
};
use crate::sql::Ident;
use perfect21_core::Severity;

pub(super) fn check(snapshot: &Snapshot, thresholds: &Thresholds) -> Vec<Advice> {
    let mut sequences: Vec<&Sequence> = snapshot.sequences.as_deref().unwrap_or_default().iter().collect();
    // One that feeds several columns is said of the one that ends first.
    sequences.sort_by_key(|sequence| (&sequence.name, end(sequence)));
    sequences.dedup_by_key(|sequence| &sequence.name);
    sequences.into_iter().filter_map(|sequence| judge(sequence, thresholds)).collect()
}

/// The last number that the sequence and its column have.
fn end(sequence: &Sequence) -> i64 {
    let column = sequence.feeds.as_ref().and_then(|(_, _, kind)| end_of(kind));
    sequence.max.min(column.unwrap_or(i64::MAX))
}

fn judge(sequence: &Sequence, thresholds: &Thresholds) -> Option<Advice> {
    let last = sequence.last?;
    let end = end(sequence);
    let share = last as f64 / end.max(1) as f64;
    let (warning, critical) = thresholds.sequence;
    if share < warning {
        return None;
    }
    let severity = if share >= critical { Severity::Critical } else { Severity::Warning };
    let what = match &sequence.feeds {
        Some((table, column, kind)) => format!(", which feeds {table}.{}, {kind}", Plain(column)),
        None => String::new(),
    };
    let mut advice = Advice::new("sequence", &sequence.name, severity)
        .evidence(format!("{:.1} % used: at {last} of {end}{what}", share * 100.0))
        .advice("make both bigint before inserts fail; changing a column's type writes the table anew and locks it");
    let name = sequence.name.sql();
    if let Some((table, field, kind)) = &sequence.feeds
        && kind != "bigint"
        && end_of(kind).is_some()
    {
        let alter =
            |kind: &str| format!("ALTER TABLE {} ALTER COLUMN {} TYPE {kind}", table.sql(), Ident(field));
        advice = advice.fix(alter("bigint")).undo(alter(kind));
    }
    if sequence.type_name != "bigint" {
        advice = advice.fix(format!("ALTER SEQUENCE {name} AS bigint"));
        // The column's type takes its range back first.
        advice.undo.insert(0, format!("ALTER SEQUENCE {name} AS {}", sequence.type_name));
    } else if end == sequence.max && end < i64::MAX {
        advice = advice.fix(format!("ALTER SEQUENCE {name} NO MAXVALUE"));
        advice.undo.insert(0, format!("ALTER SEQUENCE {name} MAXVALUE {}", sequence.max));
    }
    Some(advice)
}

/// The largest number of a column's type.
fn end_of(kind: &str) -> Option<i64> {
    match kind {
        "smallint" => Some(i64::from(i16::MAX)),
        "integer" => Some(i64::from(i32::MAX)),
        "bigint" => Some(i64::MAX),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(last: i64, max: i64, kind: &str, column: Option<&str>) -> Sequence {
        let feeds = column
            .map(|kind| (super::super::super::advice::Name::default(), "id".to_owned(), kind.to_owned()));
        Sequence { last: Some(last), max, type_name: kind.into(), feeds, ..Sequence::default() }
    }

    #[test]
    fn the_nearer_end_counts() {
        const INT: i64 = i32::MAX as i64;
        for (sequence, severity, fixes) in [
            (sequence(INT * 7 / 10, INT, "integer", Some("integer")), None, 0),
            (sequence(INT * 8 / 10, INT, "integer", Some("integer")), Some(Severity::Warning), 2),
            (sequence(INT * 95 / 100, i64::MAX, "bigint", Some("integer")), Some(Severity::Critical), 1),
            (sequence(INT * 95 / 100, i64::MAX, "bigint", Some("bigint")), None, 0),
            (sequence(90, 100, "bigint", None), Some(Severity::Critical), 1),
            (Sequence { max: 100, ..Sequence::default() }, None, 0),
        ] {
            let found = judge(&sequence, &Thresholds::default());
            assert_eq!(found.as_ref().map(|advice| advice.severity), severity, "{sequence:?}");
            assert_eq!(found.map_or(0, |advice| advice.fix.len()), fixes, "{sequence:?}");
        }
    }

    #[test]
    fn of_several_columns_the_shortest_counts() {
        let mut snapshot = Snapshot::empty();
        let number = i64::from(i32::MAX) - 1;
        let feeds = [Some("bigint"), Some("integer")].map(|kind| sequence(number, i64::MAX, "bigint", kind));
        snapshot.sequences = Ok(feeds.into());
        let found = check(&snapshot, &Thresholds::default());
        assert_eq!((found.len(), found[0].severity), (1, Severity::Critical));
    }
}
