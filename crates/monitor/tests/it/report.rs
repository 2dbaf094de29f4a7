//! A report says what was not measured, hides nothing that got worse, and lets no text become markup.

use perfect21_monitor::{Baseline, Chart, Measured, Report, Row, Series, Table, Unit};

fn report() -> Report {
    let mut report = Report::new("A <b>&amp; \"B\"", ["plain", "tuned"]);
    report.setup("machine", "2 cores | 24 GiB");
    report.row(Row::new(Baseline::API_P95, [Measured::value(0.3), Measured::value(0.05)]));
    report.row(Row::new(Baseline::REQUEST_RATE, [Measured::value(3000.0), Measured::value(1500.0)]));
    report.row(Row::new(Baseline::CPU, [Measured::value(0.50), Measured::value(0.51)]));
    report
        .row(Row::new(Baseline::CACHE_HITS, [Measured::no_data("add a <cache>"), Measured::value(f64::NAN)]));
    report.charts.push(
        Chart::lines("memory", "seconds", Unit::Bytes)
            .limit("target", 1e9)
            .series(Series::new("</svg><script>", [(0.0, 1e8), (1.0, 2e8)])),
    );
    report
        .charts
        .push(Chart::bars("rate", ["x"], Unit::PerSecond).series(Series::new("plain", [(0.0, 9.0)])));
    report.charts.push(Chart::lines("nothing", "x", Unit::Count));
    let mut table = Table::new("details", ["a", "b"]);
    table.push(["1"]);
    report.tables.push(table);
    report.notes.push("a note with `code` and *stars*".to_owned());
    report
}

#[test]
fn text_tells_better_worse_equal_and_missing() {
    let text = report().to_text();
    for expected in [
        "6.00 × better",
        "tuned is worse (2.00 ×)",
        "tuned is not better",
        "plain, cache hit rate: no data: add a <cache>",
        "tuned, cache hit rate: no data: the value is not a number",
        "300 ms  missed",
        "50 ms  excellent",
        "1500/s  target",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn html_is_one_page_without_script_or_outside_request() {
    let html = report().to_html();
    assert!(!html.contains("<script"), "text became markup");
    assert!(!html.contains("<b>"), "text became markup");
    for asks in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(asks), "the page asks for something: {asks}");
    }
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    assert!(html.contains("<text x=\"74\" y=\"140\">no data</text>"), "an empty chart says so");
}

#[test]
fn markdown_keeps_cells_in_their_columns() {
    let markdown = report().to_markdown();
    assert!(markdown.contains("2 cores \\| 24 GiB"));
    assert!(markdown.contains("| 1 | – |"));
    assert!(markdown.contains("no data: add a \\<cache\\>"));
}

#[test]
fn json_carries_values_grades_and_gain() {
    let json = serde_json::to_value(report()).unwrap();
    let row = &json["rows"][0];
    assert_eq!(row["baseline"]["key"], "api_p95");
    assert_eq!(row["baseline"]["unit"], "seconds");
    assert_eq!(row["measured"][0]["value"], 0.3);
    assert_eq!(row["grades"], serde_json::json!(["missed", "excellent"]));
    assert_eq!(json["rows"][3]["measured"][0]["no_data"], "add a <cache>");
    assert_eq!(json["partial"], serde_json::Value::Null);
}

#[test]
fn a_partial_report_says_so_everywhere() {
    let mut report = report();
    report.partial = Some("stopped by Ctrl-C".to_owned());
    for shown in [report.to_text(), report.to_markdown(), report.to_html()] {
        assert!(shown.contains("stopped by Ctrl-C"));
    }
}
