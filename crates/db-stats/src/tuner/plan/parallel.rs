//! Who may use how many cores.

use super::rules::{Rules, Wish};
use crate::{
    Confidence,
    tuner::{Workload, value::Value},
};

const PARALLEL: [&str; 4] = [
    "max_worker_processes",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "max_parallel_maintenance_workers",
];

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of cores; casts saturate"
)]
pub(super) fn decide(rules: &mut Rules<'_>) {
    io_method(rules);
    let Some(cpus) = rules.cpus else {
        for name in PARALLEL {
            rules.keep(name, "the server's cores are not known: give them by .cpus()", Confidence::Low);
        }
        rules.note(format!(
            "cores are {}: settings that depend on them are left as they are",
            rules.facts.cpus
        ));
        return;
    };
    let cores = cpus as i64;
    if cores < 4 {
        for name in PARALLEL {
            rules.keep(name, format!("with {cpus} cores the defaults do"), Confidence::Medium);
        }
    } else {
        workers(rules, cores);
    }
    let (count, from) = if cores >= 32 { (5, 32) } else { (4, 16) };
    if cores >= from {
        let reason = format!("{cores} cores can vacuum {count} tables at once");
        rules.wish("autovacuum_max_workers", Wish::new(Value::Integer(count), reason).only_raise());
    } else {
        rules.keep(
            "autovacuum_max_workers",
            format!("with {cpus} cores the default does"),
            Confidence::Medium,
        );
    }
}

fn workers(rules: &mut Rules<'_>, cores: i64) {
    let reason = || format!("one for each of {cores} cores");
    let wish = |value: i64, reason: String| Wish::new(Value::Integer(value), reason).only_raise();
    // Extensions have their workers among these, too, so it is never lowered.
    rules.wish("max_worker_processes", wish(cores, reason()));
    rules.wish("max_parallel_workers", wish(cores, reason()));
    let half = cores / 2 + cores % 2;
    let gather = if rules.workload == Workload::Warehouse { half } else { half.min(4) };
    let why =
        format!("half of {cores} cores for one statement{}", if gather < half { ", 4 at most" } else { "" });
    rules.wish("max_parallel_workers_per_gather", wish(gather, why));
    let why = format!("half of {cores} cores for one CREATE INDEX, 4 at most");
    rules.wish("max_parallel_maintenance_workers", wish(half.min(4), why));
}

fn io_method(rules: &mut Rules<'_>) {
    let Some(setting) = rules.setting("io_method") else { return };
    let has_uring = setting.choices.iter().any(|choice| choice == "io_uring");
    // Where kernel or container forbid it the server does not start again, and then nothing can be taken back by SQL.
    let reason = if has_uring {
        "this build has io_uring, too; whether kernel and container allow it shows only at a start, so try it by hand"
    } else {
        "this build has no io_uring"
    };
    rules.keep("io_method", reason, Confidence::Medium);
}
