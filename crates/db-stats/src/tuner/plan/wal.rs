//! The write-ahead log: fewer checkpoints, spread out.

use super::rules::{Rules, Wish};
use crate::{
    Confidence,
    tuner::{Workload, value::Value},
};
use perfect21_core::Bytes;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

pub(super) fn decide(rules: &mut Rules<'_>) {
    sizes(rules);
    rules.wish(
        "checkpoint_completion_target",
        Wish::new(
            Value::Real(0.9),
            "writes of a checkpoint are spread over 9/10 of the time to the next; default since 14",
        )
        .sure(Confidence::High),
    );
    wal_buffers(rules);
    compression(rules);
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "sizes below 2^53; casts saturate"
)]
fn sizes(rules: &mut Rules<'_>) {
    let (least, most) = match rules.workload {
        Workload::Web | Workload::Mixed => (GIB, 4 * GIB),
        Workload::Oltp => (2 * GIB, 8 * GIB),
        Workload::Warehouse => (4 * GIB, 16 * GIB),
        Workload::Desktop => (100 * MIB, 2 * GIB),
    };
    let Some(now) = rules.now("max_wal_size").and_then(|value| value.bytes()) else { return };
    let load = &rules.facts.load;
    let mut wanted = most;
    let mut reason = format!("{} for this kind of work", Bytes::new(most));
    if let (Some(timed), Some(requested)) = (load.checkpoints_timed, load.checkpoints_requested) {
        let all = timed.saturating_add(requested);
        if all >= 10 && requested * 5 > all {
            wanted = wanted.max((now * 2).min(64 * GIB));
            reason = format!(
                "{requested} of {all} checkpoints came before their time: at {} the log was full, or somebody asked",
                Bytes::new(now)
            );
        } else if all >= 10 && now < wanted {
            let reason =
                format!("{requested} of {all} checkpoints came before their time: the log has room enough");
            rules.keep("max_wal_size", reason, Confidence::High);
            return min_size(rules, least, now);
        }
    }
    if let (Some(rate), Some(timeout)) = (load.wal_rate(), rules.number("checkpoint_timeout")) {
        // What is written from one checkpoint to the end of the next, and half as much again.
        let needed = (rate * timeout * 1.9 * 1.5) as u64;
        if needed > wanted {
            wanted = needed.min(256 * GIB);
            reason.push_str(&format!("; {} of log are written a second", Bytes::new(rate as u64)));
        }
    }
    let room = rules.facts.room.value().map(Bytes::get);
    let quarter = room.map(|room| (room / 4).max(64 * MIB));
    if let Some(quarter) = quarter.filter(|quarter| *quarter < wanted) {
        wanted = quarter;
        reason.push_str(&format!(", and a quarter of the free {} at most", Bytes::new(room.unwrap_or(0))));
    }
    let segment = rules.now("wal_segment_size").and_then(|value| value.bytes()).unwrap_or(16 * MIB).max(MIB);
    // The server refuses less than two segments.
    let wanted = (wanted / segment).max(2) * segment;
    rules.wish("max_wal_size", Wish::bytes(wanted, reason).only_raise());
    let will_be = rules.will_be("max_wal_size").and_then(|value| value.bytes()).unwrap_or(now);
    min_size(rules, least, will_be);
}

fn min_size(rules: &mut Rules<'_>, least: u64, max_size: u64) {
    let wanted = least.min(max_size / 2);
    let segment = rules.now("wal_segment_size").and_then(|value| value.bytes()).unwrap_or(16 * MIB).max(MIB);
    let wanted = (wanted / segment).max(2) * segment;
    let reason = format!("files of {} are used again instead of made anew", Bytes::new(wanted));
    rules.wish("min_wal_size", Wish::bytes(wanted, reason).only_raise().at_most(max_size));
}

fn wal_buffers(rules: &mut Rules<'_>) {
    // What the server made of -1 is all that it shows, so a value that waits for a restart tells nothing.
    let reason = "at -1 it is 1/32 of shared_buffers, 16MB at most; a larger one helps next to nothing, and one that is \
                  written out waits for a restart even if it is the same";
    rules.keep("wal_buffers", reason, Confidence::High);
}

fn compression(rules: &mut Rules<'_>) {
    let Some(setting) = rules.setting("wal_compression") else { return };
    let now = rules.now("wal_compression").map(|value| value.to_string()).unwrap_or_default();
    if now != "off" {
        return rules.keep("wal_compression", "whole pages in the log are compressed", Confidence::High);
    }
    // Where it is more than on or off, the server shows what it took "on" for.
    let has = |word: &str| setting.choices.iter().any(|choice| choice == word);
    let word = ["lz4", "pglz"].into_iter().find(|word| has(word)).unwrap_or("on");
    let reason = "whole pages in the log take less than half the room, for little CPU time";
    rules.wish("wal_compression", Wish::new(Value::Text(word.into()), reason));
}
