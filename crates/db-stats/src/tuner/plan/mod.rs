//! From facts to settings: no server is asked in here.

mod guide;
mod memory;
mod parallel;
mod planner;
mod proposal;
mod rules;
mod show;
#[cfg(test)]
mod tests;
mod wal;

pub use guide::GuideEntry;
pub use proposal::{Proposal, Verdict};

use super::{
    apply::{Step, Undo},
    facts::{Facts, Override},
    scope::Scope,
};
use crate::tuner::{Tuner, setting::Context};
use rules::Rules;
use std::collections::BTreeMap;

/// All settings that a plan says something of.
pub(super) const KNOWN: &[&str] = &[
    "autovacuum_max_workers",
    "autovacuum_work_mem",
    "checkpoint_completion_target",
    "default_statistics_target",
    "effective_cache_size",
    "effective_io_concurrency",
    "huge_pages",
    "io_method",
    "jit",
    "maintenance_work_mem",
    "max_connections",
    "max_parallel_maintenance_workers",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "max_wal_size",
    "max_worker_processes",
    "min_wal_size",
    "random_page_cost",
    "reserved_connections",
    "shared_buffers",
    "superuser_reserved_connections",
    "wal_buffers",
    "wal_compression",
    "wal_segment_size",
    "work_mem",
    "checkpoint_timeout",
];

/// What to set, what to leave, and why. `Display` is a table for people.
///
/// At most some 30 proposals, so a few KB.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// What is said of each setting. May be changed before the plan is applied: with the verdict
    /// [`Keep`](Verdict::Keep) a setting is left out.
    pub proposals: Vec<Proposal>,
    /// What holds for the plan as a whole: what is not known, or does not fit together.
    pub notes: Vec<String>,
    pub(super) scope: Scope,
    /// What the scope has of its own, by setting; `None` where that may not be read.
    before: Option<BTreeMap<String, String>>,
}

impl Plan {
    pub(super) fn of(tuner: &Tuner, facts: &Facts) -> Self {
        let mut rules = Rules::new(tuner, facts);
        // In this order: later ones use what earlier ones decided.
        memory::decide(&mut rules);
        wal::decide(&mut rules);
        planner::decide(&mut rules);
        parallel::decide(&mut rules);
        let (mut proposals, notes) = rules.decided();
        for proposal in &mut proposals {
            fit_to_scope(proposal, &tuner.scope);
        }
        let before = match &tuner.scope {
            Scope::Server => facts.auto_file.as_ref().ok().cloned(),
            scope => {
                let own = facts.overrides.iter().filter(|own| own.scope == *scope);
                Some(own.map(|own| (own.setting.clone(), own.value.clone())).collect())
            }
        };
        Self { proposals, notes, scope: tuner.scope.clone(), before }
    }

    /// The settings that would be changed.
    pub fn changes(&self) -> impl Iterator<Item = &Proposal> {
        self.proposals.iter().filter(|proposal| proposal.verdict == Verdict::Change)
    }

    /// What is said of a setting.
    #[must_use]
    pub fn proposal(&self, setting: &str) -> Option<&Proposal> {
        self.proposals.iter().find(|proposal| proposal.setting == setting)
    }

    /// The dry run: each statement by itself, as [`Tuner::apply`] would run it. None of them may run within a transaction
    /// block, if it is `ALTER SYSTEM`.
    #[must_use]
    pub fn sql(&self) -> Vec<String> {
        let steps = self.steps().into_iter();
        let mut all: Vec<_> =
            steps.map(|step| self.scope.statement(&step.setting, Some(&step.set))).collect();
        if self.scope == Scope::Server && !all.is_empty() {
            all.push(super::apply::RELOAD.to_owned());
        }
        all
    }

    /// The way back to what was there at the time of the look, to keep before [`Tuner::apply`] begins: it serves when that
    /// is interrupted. `None` if the role may not read what `ALTER SYSTEM` wrote.
    #[must_use]
    pub fn undo(&self) -> Option<Undo> {
        let before = self.before.as_ref()?;
        let mut steps = self.steps();
        for step in &mut steps {
            step.before = before.get(&step.setting).cloned();
        }
        Some(Undo::new(self.scope.clone(), steps))
    }

    /// The changes, without what was there.
    pub(super) fn steps(&self) -> Vec<Step> {
        let steps = self.changes().filter_map(|change| {
            let set = change.proposed.as_ref()?.to_string();
            Some(Step { setting: change.setting.clone(), set, before: None })
        });
        steps.collect()
    }

    /// What is right today of eleven settings that are often given in tuning guides, and of the way in which they are
    /// given there: by `SET`, in a session that is closed right after.
    #[must_use]
    pub fn guide(&self) -> Vec<GuideEntry> {
        guide::entries(self)
    }
}

/// The value that the scope has of its own.
pub(super) fn own<'o>(overrides: &'o [Override], scope: &Scope, setting: &str) -> Option<&'o Override> {
    overrides.iter().find(|o| o.scope == *scope && o.setting == setting)
}

fn fit_to_scope(proposal: &mut Proposal, scope: &Scope) {
    if *scope != Scope::Server && proposal.verdict == Verdict::Change && proposal.context != Context::Session
    {
        proposal.verdict = Verdict::Blocked;
        proposal.reason.push_str("; left out: it cannot be set for a role or database");
    }
}
