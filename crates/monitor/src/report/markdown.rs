use super::Report;
use crate::format::quantity;
use std::fmt::Write as _;

pub(super) fn render(report: &Report) -> String {
    let mut out = format!("# {}\n\n", inline(&report.title));
    if let Some(why) = &report.partial {
        let _ = writeln!(out, "**Partial:** {}\n", inline(why));
    }
    for (name, value) in &report.setup {
        let _ = writeln!(out, "- {}: {}", inline(name), inline(value));
    }
    if !report.rows.is_empty() {
        scoreboard(&mut out, report);
    }
    for table in &report.tables {
        let _ = writeln!(out, "\n## {}\n", inline(&table.title));
        line(&mut out, &table.head);
        line(&mut out, &vec!["---".to_owned(); table.head.len()]);
        for row in &table.rows {
            line(&mut out, row);
        }
    }
    if !report.notes.is_empty() {
        out.push_str("\n## Notes\n\n");
        for note in &report.notes {
            let _ = writeln!(out, "- {}", inline(note));
        }
    }
    out
}

fn scoreboard(out: &mut String, report: &Report) {
    out.push_str("\n## Scoreboard\n\n");
    let mut head = vec!["figure".to_owned(), "target".to_owned(), "excellent".to_owned()];
    head.extend(report.subjects.iter().cloned());
    head.push("gain".to_owned());
    line(out, &head);
    line(out, &vec!["---".to_owned(); head.len()]);
    for row in &report.rows {
        let baseline = &row.baseline;
        let mut cells = vec![
            baseline.title.to_string(),
            quantity(baseline.target, baseline.unit),
            quantity(baseline.excellent, baseline.unit),
        ];
        cells.extend(row.measured.iter().enumerate().map(|(subject, measured)| match measured.get() {
            Some(_) => format!("{} ({})", measured.show(baseline.unit), row.grade(subject)),
            None => measured.show(baseline.unit),
        }));
        cells.push(row.verdict(&report.subjects));
        line(out, &cells);
    }
}

fn line(out: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| inline(cell)).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// Text that stays in its cell and is not taken for markup.
fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '<' | '>' | '`' | '*' | '_' | '[' | ']' | '\\' => escaped.extend(['\\', c]),
            '\n' | '\r' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
