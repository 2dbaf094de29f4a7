//! Who gets how much of the memory, after the rules of pgtune, and by what was measured.

use super::rules::{Rules, Wish};
use crate::{Confidence, tuner::Workload};
use perfect21_core::Bytes;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The least `work_mem` that a server takes.
const LEAST_WORK_MEM: u64 = 64 << 10;

pub(super) fn decide(rules: &mut Rules<'_>) {
    connections(rules);
    let Some(memory) = rules.memory else {
        let why = "the server's memory is not known: give it by .memory()";
        for name in ["shared_buffers", "effective_cache_size", "maintenance_work_mem", "work_mem"] {
            rules.keep(name, why, Confidence::Low);
        }
        rules.note(format!(
            "memory is {}: settings that depend on it are left as they are",
            rules.facts.memory
        ));
        return;
    };
    shared_buffers(rules, memory);
    effective_cache_size(rules, memory);
    maintenance(rules, memory);
    work_mem(rules, memory);
    huge_pages(rules);
}

fn connections(rules: &mut Rules<'_>) {
    let Some(now) = rules.number("max_connections") else { return };
    let Some(given) = rules.given_connections else {
        let reason = format!(
            "{now} sessions may be open; a pool in front of the server does more than raising it, for each costs memory"
        );
        return rules.keep("max_connections", reason, Confidence::Medium);
    };
    let reserved = rules.number("superuser_reserved_connections").unwrap_or(3.0)
        + rules.number("reserved_connections").unwrap_or(0.0);
    let needed = f64::from(given) + reserved;
    if now >= needed {
        let reason = format!("{given} connections and {reserved} reserved ones fit");
        return rules.keep("max_connections", reason, Confidence::High);
    }
    let reason = format!("{given} connections are opened and {reserved} are reserved");
    #[allow(clippy::cast_possible_truncation, reason = "small whole numbers")]
    let wish = Wish::new(super::super::value::Value::Integer(needed as i64), reason);
    // Also if that is within a fifth: those that come last would be refused.
    rules.wish("max_connections", Wish { worth: 0.0, ..wish.sure(Confidence::High) });
}

fn shared_buffers(rules: &mut Rules<'_>, memory: u64) {
    let parts = if rules.workload == Workload::Desktop { 16 } else { 4 };
    let most = memory / 10 * 4;
    let wanted = whole(memory / parts).min(most);
    let load = &rules.facts.load;
    let now = rules.now("shared_buffers").and_then(|value| value.bytes()).unwrap_or(0);
    let mut reason = format!("a {} of {}", if parts == 4 { "quarter" } else { "16th" }, Bytes::new(memory));
    if let Some(rate) = load.hit_rate() {
        reason.push_str(&format!(", with {:.1} % of blocks found there so far", rate * 100.0));
        let size = load.databases.map_or(u64::MAX, Bytes::get);
        // A young server's databases are small, and grow.
        let is_settled = load.blocks_hit.is_some_and(|blocks| blocks >= 10_000_000);
        if is_settled && rate >= 0.99 && size <= now && now <= most {
            let reason = format!(
                "all databases are {} and fit into it, with {:.1} % of blocks found there",
                Bytes::new(size),
                rate * 100.0
            );
            return rules.keep("shared_buffers", reason, Confidence::High);
        }
    }
    rules.wish("shared_buffers", Wish::bytes(wanted, reason).only_raise().at_most(most));
}

fn effective_cache_size(rules: &mut Rules<'_>, memory: u64) {
    let (wanted, share) = match rules.workload {
        Workload::Desktop => (memory / 4, "a quarter"),
        _ => (memory / 4 * 3, "three quarters"),
    };
    let reason = format!(
        "{share} of {}: what the system and the server keep of files, for the planner to count on; it takes no memory",
        Bytes::new(memory)
    );
    rules.wish("effective_cache_size", Wish::bytes(whole(wanted), reason));
}

fn maintenance(rules: &mut Rules<'_>, memory: u64) {
    let parts = if rules.workload == Workload::Warehouse { 8 } else { 16 };
    // Before 17, VACUUM made no use of more than 1 GB.
    let most = if rules.facts.version >= 170_000 { 8 * GIB } else { 2 * GIB };
    let wanted = whole(memory / parts).min(most);
    let workers = rules.number("autovacuum_max_workers").unwrap_or(3.0);
    let reason = format!(
        "1/{parts} of {}, at most {}, for VACUUM and CREATE INDEX: {workers} workers may take it at once",
        Bytes::new(memory),
        Bytes::new(most)
    );
    rules.wish("maintenance_work_mem", Wish::bytes(wanted, reason).only_raise().at_most(memory / 8));
    let will_be = rules.will_be("maintenance_work_mem").and_then(|value| value.bytes()).unwrap_or(0);
    if will_be > 2 * GIB && rules.number("autovacuum_work_mem").is_some_and(|now| now < 0.0) {
        let reason =
            format!("each of {workers} workers would take {} of maintenance_work_mem", Bytes::new(will_be));
        rules.wish("autovacuum_work_mem", Wish::bytes(2 * GIB, reason));
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "sizes below 2^53; casts saturate"
)]
fn work_mem(rules: &mut Rules<'_>, memory: u64) {
    let connections = rules.connections();
    let shared = rules.will_be("shared_buffers").and_then(|value| value.bytes()).unwrap_or(0);
    let left = memory.saturating_sub(shared);
    // Each session may sort twice at once; a statement with more nodes than that takes even more.
    let limit = left / connections / 2;
    let most = memory / connections / 2;
    if limit < LEAST_WORK_MEM {
        rules.note(format!(
            "{connections} connections do not fit into {}: even the least work_mem of 64kB twice for each is more than the \
             {} beside shared_buffers; lower max_connections",
            Bytes::new(memory),
            Bytes::new(left)
        ));
    }
    let workers = rules.number("max_worker_processes").unwrap_or(8.0);
    let mut formula = left as f64 / ((connections as f64 + workers) * 3.0);
    formula /= match rules.workload {
        Workload::Warehouse | Workload::Mixed => 2.0,
        Workload::Desktop => 6.0,
        Workload::Web | Workload::Oltp => 1.0,
    };
    let load = &rules.facts.load;
    if let Some(size) = load.databases.filter(|size| size.get() > 0) {
        formula *= if size.get() < memory { 1.3 } else { 0.9 };
    }
    let formula = (formula as u64).max(4 * MIB);
    let mut reason = format!(
        "{} are left beside shared_buffers for {connections} connections, of which each may take it more than once",
        Bytes::new(left)
    );
    let mut wanted = formula;
    let now = rules.now("work_mem").and_then(|value| value.bytes()).unwrap_or(0);
    if let Some(mean) = load.mean_temp_file() {
        // Rows take more room in memory than in a file.
        wanted = formula.max(mean.saturating_mul(3));
        reason.push_str(&format!(
            "; {} temporary files of {} each were written, which need about three times that in memory",
            load.temp_files.unwrap_or(0),
            Bytes::new(mean)
        ));
    } else if load.temp_files == Some(0)
        && load.transactions.is_some_and(|count| count >= 100_000)
        && now <= most
        && now > 0
    {
        let count = load.transactions.unwrap_or(0);
        let reason = format!("no temporary file was written in {count} transactions: it is enough");
        return rules.keep("work_mem", reason, Confidence::High);
    }
    if wanted > limit {
        reason.push_str(&format!("; more than {} for each, twice, would not fit", Bytes::new(limit)));
    }
    let wanted = whole(wanted.min(limit)).max(LEAST_WORK_MEM);
    rules.wish("work_mem", Wish::bytes(wanted, reason).only_raise().at_most(most.max(LEAST_WORK_MEM)));
}

fn huge_pages(rules: &mut Rules<'_>) {
    let shared = rules.will_be("shared_buffers").and_then(|value| value.bytes()).unwrap_or(0);
    if shared < 2 * GIB {
        return;
    }
    let reason = format!(
        "shared_buffers of {} have many small pages; with try it starts without, too",
        Bytes::new(shared)
    );
    match rules.now("huge_pages").map(|now| now.to_string()).as_deref() {
        Some("off") => {
            rules.wish("huge_pages", Wish::new(super::super::value::Value::Text("try".into()), reason))
        }
        Some(_) => rules.keep("huge_pages", reason, Confidence::High),
        None => (),
    }
}

/// Whole MiB, or 64 KiB where it is less than 8.
fn whole(bytes: u64) -> u64 {
    let unit = if bytes >= 8 * MIB { MIB } else { 64 << 10 };
    bytes / unit * unit
}
