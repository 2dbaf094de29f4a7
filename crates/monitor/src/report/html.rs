use super::{Measured, Report, Row, Table, svg};
use crate::format::{escape, quantity};
use std::fmt::Write as _;

/// Colours stand here once; the charts use the same classes.
const STYLE: &str = "
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2127;--dim:#5f6b7a;--line:#d8dee6;--a:#c2621b;--b:#1669b8;--c:#6b4fa0;
--d:#14806a;--bad:#b3261e;--ok:#8a6100;--good:#1a7f37}
@media(prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e4e8ee;--dim:#9aa7b5;--line:#333c47;--a:#f0a35e;--b:#6db3f2;
--c:#b9a0e8;--d:#5cc9ae;--bad:#ff8a80;--ok:#e3b341;--good:#56d364}}
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,sans-serif}h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
.scroll{overflow-x:auto}.details{font-size:.9rem}.details td,.details th{white-space:nowrap;padding:.25rem .6rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .7rem;
border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--dim);font-weight:600}
.grade{display:inline-block;font-size:.8rem;font-weight:600;margin-left:.4rem}.missed{color:var(--bad)}
.target{color:var(--ok)}.excellent{color:var(--good)}.none,.setup{color:var(--dim)}.partial{border-left:.3rem solid
var(--bad);padding:.3rem .8rem}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(26rem,1fr));gap:1.5rem;margin-top:2rem}
figure{margin:0;min-width:0}figcaption{font-weight:600}svg{width:100%;height:auto}svg text{fill:var(--dim);font:12px system-ui,sans-serif}
.grid{stroke:var(--line)}.limit{stroke:var(--dim);stroke-dasharray:5 4}.l{fill:none;stroke-width:2}
.l0{stroke:var(--a)}.l1{stroke:var(--b)}.l2{stroke:var(--c)}.l3{stroke:var(--d)}.f0{fill:var(--a)}.f1{fill:var(--b)}
.f2{fill:var(--c)}.f3{fill:var(--d)}svg .k0{fill:var(--a)}svg .k1{fill:var(--b)}svg .k2{fill:var(--c)}svg .k3{fill:var(--d)}";

pub(super) fn render(report: &Report) -> String {
    let title = escape(&report.title);
    // The empty icon keeps browsers from asking for /favicon.ico.
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\"><title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n"
    );
    if let Some(why) = &report.partial {
        let _ = writeln!(out, "<p class=\"partial\"><strong>Partial:</strong> {}</p>", escape(why));
    }
    let setup: Vec<String> =
        report.setup.iter().map(|(name, value)| format!("{}: {}", escape(name), escape(value))).collect();
    let _ = writeln!(out, "<p class=\"setup\">{}</p>", setup.join(" · "));
    scoreboard(&mut out, report);
    if !report.charts.is_empty() {
        out.push_str("<div class=\"charts\">\n");
        for chart in &report.charts {
            svg::figure(&mut out, chart);
        }
        out.push_str("</div>\n");
    }
    for table in &report.tables {
        details(&mut out, table);
    }
    if !report.notes.is_empty() {
        out.push_str("<h2>Notes</h2><ul>\n");
        for note in &report.notes {
            let _ = writeln!(out, "<li>{}</li>", escape(note));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</body></html>\n");
    out
}

fn scoreboard(out: &mut String, report: &Report) {
    if report.rows.is_empty() {
        return;
    }
    out.push_str("<h2>Scoreboard</h2><div class=\"scroll\"><table id=\"scoreboard\"><thead><tr><th>figure</th><th>target</th><th>excellent</th>");
    for subject in &report.subjects {
        let _ = write!(out, "<th>{}</th>", escape(subject));
    }
    out.push_str("<th>gain</th></tr></thead><tbody>\n");
    for row in &report.rows {
        let baseline = &row.baseline;
        let _ = write!(
            out,
            "<tr data-key=\"{}\"><td>{}</td><td>{}</td><td>{}</td>",
            escape(&baseline.key),
            escape(&baseline.title),
            quantity(baseline.target, baseline.unit),
            quantity(baseline.excellent, baseline.unit)
        );
        for subject in 0..row.measured.len() {
            measured(out, row, subject);
        }
        let _ = writeln!(out, "<td>{}</td></tr>", escape(&row.verdict(&report.subjects)));
    }
    out.push_str("</tbody></table></div>\n");
}

fn measured(out: &mut String, row: &Row, subject: usize) {
    let measured = &row.measured[subject];
    let shown = escape(&measured.show(row.baseline.unit));
    let grade = row.grade(subject);
    let _ = match measured {
        Measured::Value(_) => write!(out, "<td>{shown}<span class=\"grade {grade}\">{grade}</span></td>"),
        Measured::NoData(_) => write!(out, "<td class=\"none\">{shown}</td>"),
    };
}

fn details(out: &mut String, table: &Table) {
    let _ = write!(out, "<h2>{}</h2><div class=\"scroll details\"><table><thead><tr>", escape(&table.title));
    for head in &table.head {
        let _ = write!(out, "<th>{}</th>", escape(head));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        let _ = writeln!(out, "<tr>{}</tr>", cells.concat());
    }
    out.push_str("</tbody></table></div>\n");
}
