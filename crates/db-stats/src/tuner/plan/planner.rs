//! What the planner takes disk and statistics for.

use super::rules::{Rules, Wish};
use crate::{
    Confidence,
    tuner::{Disk, Workload, value::Value},
};

pub(super) fn decide(rules: &mut Rules<'_>) {
    let disk = rules.disk;
    let (place, confidence) = match rules.facts.disk.value() {
        Some(disk) => (format!("on {disk}"), Confidence::High),
        None => ("on flash, which is only assumed".to_owned(), Confidence::Low),
    };
    let fits = rules.memory.zip(rules.facts.load.databases).is_some_and(|(memory, size)| size.get() < memory);
    let (cost, why) = match (disk, rules.workload) {
        (Disk::Hdd, _) => (4.0, "heads must move"),
        (_, Workload::Warehouse) if !fits => (4.0, "whole tables larger than memory are read in order"),
        _ => (1.1, "a page elsewhere costs about as much as the next"),
    };
    let reason = format!("{place}: {why}");
    rules.wish("random_page_cost", Wish::new(Value::Real(cost), reason).sure(confidence));
    let (count, why) = match disk {
        Disk::Hdd => (2, "a disk serves few reads at a time"),
        Disk::Ssd => (200, "flash serves many reads at a time"),
        Disk::San => (300, "many disks serve reads at a time"),
        Disk::Nvme => (1000, "it serves very many reads at a time"),
    };
    let wish = Wish::new(Value::Integer(count), format!("{place}: {why}")).sure(confidence);
    rules.wish("effective_io_concurrency", wish);
    statistics(rules);
    jit(rules);
}

fn statistics(rules: &mut Rules<'_>) {
    let (target, why) = match rules.workload {
        Workload::Warehouse => (500, "plans of large questions are worth more exact statistics"),
        _ => {
            (100, "the default; for a column of which the planner errs there is ALTER TABLE … SET STATISTICS")
        }
    };
    rules.wish("default_statistics_target", Wish::new(Value::Integer(target), why).only_raise());
}

fn jit(rules: &mut Rules<'_>) {
    match rules.workload {
        Workload::Web | Workload::Oltp | Workload::Mixed => {
            let reason = "short statements lose more time to compiling than they win";
            rules.wish("jit", Wish::new(Value::Text("off".into()), reason));
        }
        Workload::Warehouse | Workload::Desktop => {
            rules.keep("jit", "long statements may win by it", Confidence::Medium);
        }
    }
}
