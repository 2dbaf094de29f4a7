use super::{Measured, Report};
use crate::format::quantity;
use std::fmt::Write as _;

pub(super) fn render(report: &Report) -> String {
    let mut out = format!("{}\n", report.title);
    if let Some(why) = &report.partial {
        let _ = writeln!(out, "PARTIAL: {why}");
    }
    let mut lines = vec![heads(report)];
    lines.extend(report.rows.iter().map(|row| {
        let baseline = &row.baseline;
        let bounds = format!(
            "{} / {}",
            quantity(baseline.target, baseline.unit),
            quantity(baseline.excellent, baseline.unit)
        );
        let mut cells = vec![baseline.title.to_string(), bounds];
        cells.extend(row.measured.iter().enumerate().map(|(subject, measured)| match measured {
            Measured::Value(value) => format!("{}  {}", quantity(*value, baseline.unit), row.grade(subject)),
            Measured::NoData(_) => "no data".to_owned(),
        }));
        cells.push(row.verdict(&report.subjects));
        cells
    }));
    out.push('\n');
    align(&mut out, &lines);
    no_data(&mut out, report);
    for note in &report.notes {
        let _ = writeln!(out, "- {note}");
    }
    out
}

fn heads(report: &Report) -> Vec<String> {
    let mut heads = vec![String::new(), "target / excellent".to_owned()];
    heads.extend(report.subjects.iter().cloned());
    heads.push(String::new());
    heads
}

fn no_data(out: &mut String, report: &Report) {
    out.push('\n');
    for row in &report.rows {
        for (subject, measured) in report.subjects.iter().zip(&row.measured) {
            if let Measured::NoData(remedy) = measured {
                let _ = writeln!(out, "- {subject}, {}: no data: {remedy}", row.baseline.title);
            }
        }
    }
}

fn align(out: &mut String, lines: &[Vec<String>]) {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|l| l.get(column)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in lines {
        let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(out, "  {}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
}
