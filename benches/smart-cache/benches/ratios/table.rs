//! The tables, in Markdown, and which rows of the targets are met.
#![allow(clippy::print_stdout, reason = "the tables are the product")]

use crate::{
    curve::Errors,
    replay::{COLUMNS, Kind, Row, SIMULATED},
    weigh::Weight,
};

const OURS: usize = 0;
const LRU: usize = 1;
const S3_FIFO: usize = 2;
const W_TINY_LFU: usize = 4;
const QUICK_CACHE: usize = 6;
const FOYER: usize = 7;

pub(crate) fn print(rows: &[Row]) {
    println!("| trace | capacity | {} |", COLUMNS.join(" | "));
    println!("|---|---|{}", "---|".repeat(COLUMNS.len()));
    for row in rows {
        let share = if row.kind == Kind::Phases { String::new() } else { format!(" ({} %)", row.percent) };
        let cells: Vec<String> = row.ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        println!("| {} | {}{share} | {} |", row.name, row.capacity, cells.join(" | "));
    }
    for percent in [0.1, 1.0, 10.0] {
        let cells = means(rows, percent).map(|mean| format!("{mean:.2}"));
        println!("| mean | {percent} % | {} |", cells.join(" | "));
    }
    println!("\n| target | value | result |\n|---|---|---|");
    for percent in [1.0, 10.0] {
        let mean = means(rows, percent);
        let best = mean[SIMULATED].iter().copied().fold(0.0, f64::max);
        for (rival, theirs, lead) in [
            ("quick_cache", mean[QUICK_CACHE], 1.0),
            ("foyer S3-FIFO", mean[FOYER], 0.5),
            ("W-TinyLFU 1 %", mean[W_TINY_LFU], 1.0),
            ("W-TinyLFU 20 %", mean[W_TINY_LFU + 1], 1.0),
            ("the best simulated", best, -0.3),
        ] {
            judge(&format!("mean at {percent} %, over {rival}"), mean[OURS] - theirs, lead);
        }
    }
    for row in rows.iter().filter(|row| row.percent != 0.1) {
        let (what, rival) = match row.kind {
            Kind::Trace | Kind::Scan => ("max(LRU, S3-FIFO)", row.ratios[LRU].max(row.ratios[S3_FIFO])),
            Kind::Phases => ("LRU after one capacity", row.ratios[LRU]),
        };
        let apart = if row.kind == Kind::Scan { " (scan)" } else { "" };
        judge(
            &format!("{}{apart} at {}, over {what}", row.name, row.capacity),
            row.ratios[OURS] - rival,
            -1.5,
        );
    }
}

fn judge(what: &str, value: f64, least: f64) {
    let result = if value >= least { "met" } else { "missed" };
    println!("| {what} | {value:+.2} (at least {least:+}) | {result} |");
}

fn means(rows: &[Row], percent: f64) -> [f64; COLUMNS.len()] {
    let of = || rows.iter().filter(move |row| row.kind != Kind::Phases && row.percent == percent);
    let count = of().count().max(1) as f64;
    std::array::from_fn(|column| of().map(|row| row.ratios[column]).sum::<f64>() / count)
}

pub(crate) fn print_memory(weights: &[Weight]) {
    println!("\n| cache of 1M `u64` to `u64` | bytes an entry, filled | after churn |\n|---|---|---|");
    for Weight { name, filled, churned } in weights {
        println!("| {name} | {filled:.1} | {churned:.1} |");
    }
    if let Some(ours) = weights.first() {
        let result = if ours.churned <= 94.0 { "met" } else { "missed" };
        println!("\nours at most 94 bytes after churn: {result}");
    }
}

pub(crate) fn print_errors(errors: &[Errors]) {
    println!("\n| miss curve of | capacity | off at ½ | 1 | 2 | 4 | 8 | result (2 up to 4 ×) |");
    println!("|---|---|---|---|---|---|---|---|");
    for Errors { name, capacity, points } in errors {
        let worst = points[..4].iter().fold(0.0, |worst: f64, point| worst.max(point.abs()));
        let result = if worst <= 2.0 { "met" } else { "missed" };
        let cells = points.map(|point| format!("{point:+.2}")).join(" | ");
        println!("| {name} | {capacity} | {cells} | {result} |");
    }
}
