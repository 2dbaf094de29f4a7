//! What happened, line by line and as a picture.

use std::{fs, io, path::Path, time::Duration};

const PLOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/adaptive_limit.html");

pub(crate) const HEAD: &str =
    "     server        limit                        goodput                     p50     refused  late";

/// One second of a run.
pub(crate) struct Second {
    pub(crate) workers: usize,
    pub(crate) takes: Duration,
    pub(crate) limit: usize,
    /// The share of what the server could have done.
    pub(crate) goodput: f64,
    pub(crate) p50: Option<Duration>,
    pub(crate) refused: u32,
    pub(crate) late: u32,
}

impl Second {
    pub(crate) fn line(&self) -> String {
        let bar = |value: f64, most: f64| {
            let filled = (value / most * 20.0).clamp(0.0, 20.0) as usize;
            format!("{}{}", "#".repeat(filled), ".".repeat(20 - filled))
        };
        let p50 = self.p50.map_or_else(|| "none".to_owned(), |p50| format!("{p50:.1?}"));
        format!(
            "{:>3} x {:>5.0?}  {:>4} {} {:>4.0} % {} {p50:>9} {:>9} {:>5}",
            self.workers,
            self.takes,
            self.limit,
            bar(self.limit as f64, 60.0),
            self.goodput * 100.0,
            bar(self.goodput, 1.0),
            self.refused,
            self.late,
        )
    }
}

/// By phase, from its second second on.
pub(crate) fn summary(runs: &[(&str, Vec<Second>)], seconds: usize) -> String {
    let mut text = format!("{:<14}{:>14}{:>10}{:>12}{:>8}\n", "limit", "server", "goodput", "p50", "late");
    for (name, all) in runs {
        for phase in all.chunks(seconds) {
            let settled = &phase[usize::from(phase.len() > 1)..];
            let goodput = settled.iter().map(|second| second.goodput).sum::<f64>() / settled.len() as f64;
            let mut p50: Vec<_> = settled.iter().filter_map(|second| second.p50).collect();
            p50.sort_unstable();
            let late: u32 = settled.iter().map(|second| second.late).sum();
            let server = format!("{} x {:.0?}", phase[0].workers, phase[0].takes);
            let p50 = p50.get(p50.len() / 2).map_or_else(|| "none".to_owned(), |p50| format!("{p50:.1?}"));
            text += &format!("{name:<14}{server:>14}{:>8.0} %{p50:>12}{late:>8}\n", goodput * 100.0);
        }
    }
    text
}

/// Writes a page with a picture for each of limit, goodput and latency.
pub(crate) fn write(runs: &[(&str, Vec<Second>)]) -> io::Result<String> {
    let limit = |second: &Second| second.limit as f64;
    let goodput = |second: &Second| second.goodput * 100.0;
    let p50 = |second: &Second| second.p50.map_or(f64::NAN, |p50| p50.as_secs_f64() * 1e3);
    let pictures = [
        picture("Limit", "", runs, limit),
        picture("Goodput, of what the server can do", " %", runs, goodput),
        picture("Median latency", " ms", runs, p50),
    ];
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=color-scheme content='light dark'>\
         <title>A limit that finds itself</title><style>body{{font:15px system-ui;max-width:760px;margin:2em auto}}\
         svg{{width:100%}}text{{fill:currentColor;font-size:12px}}.grid{{stroke:currentColor;opacity:.2}}\
         polyline{{fill:none;stroke-width:2}}</style><h1>A limit that finds itself</h1><p>Adaptive in blue, fixed in orange and \
         dashed, second by second. Grey lines: the server changes.{}</html>\n",
        pictures.concat()
    );
    if let Some(folder) = Path::new(PLOT).parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(PLOT, page)?;
    Ok("target/adaptive_limit.html".to_owned())
}

fn picture(title: &str, unit: &str, runs: &[(&str, Vec<Second>)], of: impl Fn(&Second) -> f64) -> String {
    let (width, height, margin) = (720.0, 220.0, 50.0);
    let seconds = runs.iter().map(|(_, run)| run.len()).max().unwrap_or(1).max(2);
    let values = runs.iter().flat_map(|(_, run)| run.iter().map(&of)).filter(|value| value.is_finite());
    let most = values.fold(1.0, f64::max);
    let x = |second: usize| margin + second as f64 / (seconds - 1) as f64 * (width - 2.0 * margin);
    let y = |value: f64| height - 30.0 - value / most * (height - 60.0);
    let mut marks = String::new();
    for share in [0.0, 0.5, 1.0] {
        let (value, end) = (most * share, width - margin);
        let y = y(value);
        marks += &format!(
            "<line class=grid x1={margin} x2={end} y1={y:.1} y2={y:.1} /><text x=45 y={y:.1} dy=4 text-anchor=end>\
             {value:.0}{unit}</text>"
        );
    }
    for (nth, pair) in runs.first().map_or(&[][..], |(_, run)| run).windows(2).enumerate() {
        if (pair[0].workers, pair[0].takes) != (pair[1].workers, pair[1].takes) {
            let x = x(nth + 1);
            marks += &format!("<line class=grid x1={x:.1} x2={x:.1} y1=20 y2=190 />");
        }
    }
    for ((_, run), style) in runs.iter().zip(["stroke=#2b7bd6", "stroke=#d9822b stroke-dasharray='6 5'"]) {
        let points = run.iter().enumerate().filter(|(_, second)| of(second).is_finite());
        let points: Vec<_> =
            points.map(|(nth, second)| format!("{:.1},{:.1}", x(nth), y(of(second)))).collect();
        marks += &format!("<polyline points='{}' {style} />", points.join(" "));
    }
    format!("<h2>{title}</h2><svg viewBox='0 0 {width} {height}'>{marks}</svg>")
}
