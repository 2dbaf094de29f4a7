//! Eleven settings as they are often given, and what is right of them today.

use super::{Plan, Verdict};
use std::fmt;

/// What a guide says of a setting, and what holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuideEntry {
    /// The setting.
    pub setting: &'static str,
    /// The value that is often given.
    pub often: &'static str,
    /// What the plan says for this server, with what is there now.
    pub here: String,
    /// What is right today, and why.
    pub today: &'static str,
}

impl fmt::Display for GuideEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {} Here: {}.", self.setting, self.often, self.today, self.here)
    }
}

const ENTRIES: [(&str, &str, &str); 11] = [
    (
        "shared_buffers",
        "256MB",
        "A quarter of the memory, not a fixed size. SET is refused (55P02): ALTER SYSTEM, then a restart.",
    ),
    (
        "effective_cache_size",
        "1GB",
        "Three quarters of the memory; it takes none. SET holds for the one session: ALTER SYSTEM, then a reload.",
    ),
    (
        "work_mem",
        "4MB",
        "That is the default. What fits beside shared_buffers for all connections, more where temporary files are \
         written; for single roles by ALTER ROLE … SET. SET holds for the one session.",
    ),
    (
        "maintenance_work_mem",
        "64MB",
        "That is the default. A 16th of the memory; workers of autovacuum take it each. SET holds for the one session.",
    ),
    (
        "checkpoint_segments",
        "32",
        "Gone since 9.5, and refused as unknown (42704): max_wal_size says it in bytes.",
    ),
    (
        "checkpoint_completion_target",
        "0.9",
        "The default since 14. SET is refused (55P02): ALTER SYSTEM, then a reload.",
    ),
    (
        "wal_buffers",
        "16MB",
        "Leave it at -1: 1/32 of shared_buffers, and so 16MB from 512MB on. SET is refused (55P02), and 16MB by \
         ALTER SYSTEM is said to wait for a restart even where 16MB is what it has.",
    ),
    (
        "default_statistics_target",
        "100",
        "That is the default. For columns of which the planner errs ALTER TABLE … ALTER COLUMN … SET STATISTICS; \
         then ANALYZE. SET holds for the one session.",
    ),
    (
        "random_page_cost",
        "1.1",
        "Right on flash, wrong on spinning disks (4). SET holds for the one session: ALTER SYSTEM, then a reload.",
    ),
    (
        "effective_io_concurrency",
        "200",
        "Right on flash behind SATA; 2 on spinning disks, up to 1000 on NVMe; the default is 16 since 18. SET holds for \
         the one session.",
    ),
    (
        "max_connections",
        "200",
        "A pool of some tens does more than 200 connections. SET is refused (55P02): ALTER SYSTEM, then a restart.",
    ),
];

pub(super) fn entries(plan: &Plan) -> Vec<GuideEntry> {
    let entry = |(setting, often, today)| GuideEntry { setting, often, here: here(plan, setting), today };
    ENTRIES.into_iter().map(entry).collect()
}

fn here(plan: &Plan, setting: &str) -> String {
    if setting == "checkpoint_segments" {
        return match plan.proposal("max_wal_size") {
            Some(_) => format!("this server does not know it; max_wal_size: {}", here(plan, "max_wal_size")),
            None => "this server does not know it".to_owned(),
        };
    }
    match plan.proposal(setting) {
        Some(proposal) => match (&proposal.proposed, proposal.verdict) {
            (Some(value), Verdict::Change) => format!("{}, better {value}", proposal.now),
            (Some(value), Verdict::Blocked) => format!("{}, better {value}, which is blocked", proposal.now),
            _ => format!("{} stays", proposal.now),
        },
        None => "not read".to_owned(),
    }
}
