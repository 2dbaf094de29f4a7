//! How much would a larger cache bring? Replays a trace of real requests through one cache, and prints and plots what
//! its curve says of other sizes, beside what caches of these sizes really do.
//!
//! `cargo run --release --example how_much_memory -- [--entries N] [TRACE.txt.gz]`
//!
//! A trace has one key a line (a number), gzipped. Without one, it is that of the main job.

use flate2::read::GzDecoder;
use perfect21_examples::cli;
use perfect21_smart_cache::Cache;
use std::{
    collections::HashSet,
    error::Error,
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    path::PathBuf,
    process::ExitCode,
};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/web12.txt.gz");
const PLOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/how_much_memory.html");

/// A size, what the curve says of it, and what a cache of that size does.
struct Point {
    entries: usize,
    predicted: f64,
    /// How far the prediction may be off, by itself.
    error: f64,
    measured: f64,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (path, entries) = arguments()?;
    let keys = read(&path)?;
    let distinct = keys.iter().collect::<HashSet<_>>().len();
    let entries = entries.unwrap_or((distinct / 10).max(1));

    let cache = Cache::builder().max_entries(entries).miss_curve(true).build()?;
    let today = replay(&cache, &keys)?;
    let curve = cache.miss_curve().ok_or("the trace is too short for a curve")?;
    let points = curve.points.iter().map(|point| {
        let cache = Cache::builder().max_entries(point.max_entries.max(1)).build()?;
        let measured = replay(&cache, &keys)?;
        Ok(Point { entries: point.max_entries, predicted: point.hit_rate, error: point.error, measured })
    });
    let points = points.collect::<Result<Vec<_>, Box<dyn Error>>>()?;

    let mut out = io::stdout().lock();
    writeln!(out, "{}: {} requests for {distinct} keys", path.display(), keys.len())?;
    writeln!(
        out,
        "a cache of {entries} entries hits {:.2} %; its curve is made of {} of them\n",
        today * 100.0,
        curve.sampled
    )?;
    writeln!(out, "{:>10} {:>12} {:>8} {:>12} {:>8}", "entries", "predicted %", "±", "measured %", "off by")?;
    for Point { entries, predicted, error, measured } in &points {
        let [off, predicted, error, measured] =
            [predicted - measured, *predicted, *error, *measured].map(|share| share * 100.0);
        writeln!(out, "{entries:>10} {predicted:>12.2} {error:>8.2} {measured:>12.2} {off:>+8.2}")?;
    }
    fs::create_dir_all(PathBuf::from(PLOT).parent().ok_or("no folder")?)?;
    fs::write(PLOT, page(&path.display().to_string(), entries, &points))?;
    writeln!(out, "\nplotted in target/how_much_memory.html")?;
    Ok(())
}

fn arguments() -> Result<(PathBuf, Option<usize>), Box<dyn Error>> {
    use lexopt::prelude::{Long, Value, ValueExt};
    let (mut path, mut entries) = (PathBuf::from(SHIPPED), None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("entries") => {
                let text = parser.value()?.string()?;
                entries = Some(cli::number("entries", &text, 1, 100_000_000)?);
            }
            Value(given) => path = given.into(),
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok((path, entries))
}

fn read(path: &PathBuf) -> Result<Vec<u64>, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let key = |(number, line): (usize, io::Result<String>)| -> Result<u64, Box<dyn Error>> {
        let line = line.map_err(|error| format!("{}, line {}: {error}", path.display(), number + 1))?;
        // Some traces have a size beside the key.
        let key = line.split_whitespace().next().unwrap_or_default();
        Ok(key
            .parse()
            .map_err(|error| format!("{}, line {}: {key:?}: {error}", path.display(), number + 1))?)
    };
    lines.enumerate().map(key).collect()
}

/// The share of requests that hit.
fn replay(cache: &Cache<u64, ()>, keys: &[u64]) -> Result<f64, Box<dyn Error>> {
    for key in keys {
        if cache.get(key).is_none() {
            cache.insert(*key, ())?;
        }
    }
    Ok(cache.stats().hit_rate().unwrap_or_default())
}

/// One page with the plot in it; the scale of sizes is logarithmic.
fn page(trace: &str, today: usize, points: &[Point]) -> String {
    let (width, height, margin) = (720.0, 400.0, 60.0);
    let logs: Vec<f64> = points.iter().map(|point| (point.entries.max(1) as f64).log2()).collect();
    let (least, most) = (logs[0], logs[logs.len() - 1].max(logs[0] + 1.0));
    let x = |log: f64| margin + (log - least) / (most - least) * (width - 2.0 * margin);
    let y = |share: f64| height - margin - share * (height - 2.0 * margin);
    let line = |of: fn(&Point) -> f64| {
        let at = |(point, log): (&Point, &f64)| format!("{:.1},{:.1}", x(*log), y(of(point)));
        points.iter().zip(&logs).map(at).collect::<Vec<_>>().join(" ")
    };
    let mut marks = String::new();
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (y, end, percent) = (y(share), width - margin, share * 100.0);
        marks += &format!(
            "<line class=grid x1={margin} x2={end} y1={y} y2={y} /><text x=52 y={y} dy=4 text-anchor=end>{percent} %</text>"
        );
    }
    for (point, log) in points.iter().zip(&logs) {
        let bold = if point.entries == today { " font-weight=bold" } else { "" };
        marks += &format!(
            "<text x={:.1} y={} text-anchor=middle{bold}>{}</text>",
            x(*log),
            height - 36.0,
            point.entries
        );
    }
    let rows = points.iter().map(|point| {
        format!(
            "<tr><td>{}<td>{:.2} %<td>± {:.2}<td>{:.2} %",
            point.entries,
            point.predicted * 100.0,
            point.error * 100.0,
            point.measured * 100.0
        )
    });
    let name = trace.rsplit('/').next().unwrap_or(trace).replace('<', "&lt;");
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=color-scheme content='light dark'>\
         <title>How much memory?</title><style>body{{font:15px system-ui;max-width:760px;margin:2em auto}}svg{{width:100%}}\
         text{{fill:currentColor;font-size:12px}}.grid{{stroke:currentColor;opacity:.2}}polyline{{fill:none;stroke-width:2}}\
         td,th{{text-align:right;padding:2px 1em}}</style><h1>How much would a larger cache bring?</h1><p>Hit rate by the \
         number of entries, for {name}. Bold: the cache that was asked. Its curve (blue) beside caches of these sizes \
         (orange, dashed).<svg viewBox='0 0 {width} {height}'>{marks}<polyline points='{predicted}' stroke=#2b7bd6 />\
         <polyline points='{measured}' stroke=#d9822b stroke-dasharray='6 5' /></svg><table><tr><th>entries<th colspan=2>predicted\
         <th>measured{rows}</table></html>\n",
        predicted = line(|point| point.predicted),
        measured = line(|point| point.measured),
        rows = rows.collect::<String>(),
    )
}
