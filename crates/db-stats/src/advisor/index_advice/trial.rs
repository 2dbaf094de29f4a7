//! A statement planned with and without an index; never run.

use super::{
    super::{
        Thresholds,
        advice::columns,
        snapshot::{PREPARED, Session, Snapshot, Statement},
    },
    candidates::Candidate,
    plan::Plan,
    uses::Use,
};
use crate::{
    Error,
    sql::{Ident, Literal},
};
use std::{collections::HashSet, time::Instant};
use tokio_postgres::error::SqlState;

/// A cheaper statement is not worth an index.
const MIN_COST: f64 = 100.0;
/// What one more column must leave of the cost.
const ONE_MORE: f64 = 0.7;

/// Cost of one call, in the planner's units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saving {
    pub(super) before: f64,
    pub(super) after: f64,
    /// By the planner itself.
    pub(super) is_verified: bool,
}

pub(super) struct Trial<'s, 'c, 'a> {
    session: &'s mut Session<'c>,
    snapshot: &'a Snapshot,
    thresholds: &'a Thresholds,
    /// The schema of hypopg, if it may be used.
    hypopg: Option<&'a str>,
    /// When no more is tried.
    until: Instant,
    /// Tables that somebody locks: waiting again and again would add up.
    locked: HashSet<i64>,
}

impl<'s, 'c, 'a> Trial<'s, 'c, 'a> {
    pub(super) async fn new(
        session: &'s mut Session<'c>,
        snapshot: &'a Snapshot,
        thresholds: &'a Thresholds,
        until: Instant,
    ) -> Result<Self, Error> {
        let mut hypopg = snapshot.extension("hypopg").and_then(|found| found.schema.as_deref());
        if let Some(schema) = hypopg {
            // What is there already belongs to somebody else, and would be in the way.
            let there = session
                .rows(&format!("SELECT /* perfect21 advisor */ FROM {}.hypopg() LIMIT 1", Ident(schema)))
                .await?;
            if there.is_ok_and(|rows| rows.is_empty()) {
                session.uses_hypopg(schema);
            } else {
                hypopg = None;
            }
        }
        Ok(Self { session, snapshot, thresholds, hypopg, until, locked: HashSet::new() })
    }

    /// The best candidate of each use that saves enough.
    pub(super) async fn run(
        &mut self,
        statement: &Statement,
        wanted: &[(Use, Vec<Candidate>)],
    ) -> Result<Vec<(Candidate, Saving)>, Error> {
        let mut best = Vec::new();
        if wanted.iter().any(|(used, _)| self.locked.contains(&used.table)) {
            return Ok(best);
        }
        let Some(plan) = self.plan(statement, None, wanted).await? else { return Ok(best) };
        let Some(before) = plan.cost().filter(|cost| *cost >= MIN_COST) else { return Ok(best) };
        for (used, candidates) in wanted {
            let mut chosen: Option<(&Candidate, Saving)> = None;
            for candidate in candidates {
                if Instant::now() >= self.until {
                    break;
                }
                let after = if self.hypopg.is_some() {
                    self.plan(statement, Some(candidate), wanted).await?.and_then(|plan| plan.cost())
                } else {
                    self.estimate(before, &plan, used, candidate)
                };
                let Some(after) =
                    after.filter(|after| *after <= before * (1.0 - self.thresholds.index_saving))
                else {
                    continue;
                };
                let is_better = chosen.as_ref().is_none_or(|(best, saving)| {
                    let more = candidate.columns.len() > best.columns.len();
                    after < saving.after * if more { ONE_MORE } else { 1.0 }
                });
                if is_better {
                    chosen = Some((candidate, Saving { before, after, is_verified: self.hypopg.is_some() }));
                }
            }
            best.extend(chosen.map(|(candidate, saving)| (candidate.clone(), saving)));
        }
        Ok(best)
    }

    /// The generic plan; `None` if the server does not plan the text, as with another search path.
    async fn plan(
        &mut self,
        statement: &Statement,
        candidate: Option<&Candidate>,
        wanted: &[(Use, Vec<Candidate>)],
    ) -> Result<Option<Plan>, Error> {
        let planned = match self.session.as_the_session_sees().await? {
            Ok(()) => {
                self.session.prepares();
                self.explain(statement, candidate).await
            }
            Err(error) => Err(error),
        };
        if let (Some(schema), Some(_)) = (self.hypopg, candidate) {
            self.session.back().await?;
            // It answers with nothing, and does not fail.
            let _ = self
                .session
                .rows(&format!("SELECT /* perfect21 advisor */ {}.hypopg_reset()", Ident(schema)))
                .await?;
        }
        self.session.unprepare().await?;
        if let Err(error) = &planned
            && error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
        {
            self.locked.extend(wanted.iter().map(|(used, _)| used.table));
        }
        Ok(planned.ok())
    }

    async fn explain(
        &self,
        statement: &Statement,
        candidate: Option<&Candidate>,
    ) -> Result<Plan, tokio_postgres::Error> {
        if let (Some(schema), Some(candidate)) = (self.hypopg, candidate) {
            let index = self.definition(candidate).unwrap_or_default();
            let sql = format!(
                "SELECT /* perfect21 advisor */ FROM {}.hypopg_create_index({})",
                Ident(schema),
                Literal(&index)
            );
            self.session.keep(&sql).await?;
        }
        // The protocol allows one statement only, whatever the text is.
        self.session.keep(&format!("PREPARE {PREPARED} AS {}", statement.text)).await?;
        let count = format!(
            "SELECT /* perfect21 advisor */ pg_catalog.cardinality(parameter_types)::int8 FROM pg_catalog.pg_prepared_statements WHERE name = {}",
            Literal(PREPARED)
        );
        let count = self.session.keep(&count).await?;
        let count: i64 = count.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
        let nulls = vec!["NULL"; usize::try_from(count).unwrap_or(0)].join(", ");
        let parameters = if count > 0 { format!("({nulls})") } else { String::new() };
        let rows = self.session.keep(&format!("EXPLAIN (VERBOSE) EXECUTE {PREPARED}{parameters}")).await?;
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map(Plan)
    }

    fn definition(&self, candidate: &Candidate) -> Option<String> {
        let table = self.snapshot.table(candidate.table)?;
        let known = self.snapshot.columns.as_ref().ok()?;
        let names = candidate
            .columns
            .iter()
            .map(|number| known.get(candidate.table, *number).map(|c| c.name.clone()));
        let names: Option<Vec<String>> = names.collect();
        Some(format!("CREATE INDEX ON {} ({})", table.name.sql(), columns(&names?)))
    }

    /// Without hypopg: a whole read of the table against a page for each row that is left. Only what constants are
    /// compared with by `=` is known well enough.
    fn estimate(&self, before: f64, plan: &Plan, used: &Use, candidate: &Candidate) -> Option<f64> {
        if !candidate.columns.iter().all(|number| used.equal.contains(number)) {
            return None;
        }
        let table = self.snapshot.table(candidate.table)?;
        let known = self.snapshot.columns.as_ref().ok()?;
        let whole = plan.whole_read(&table.name)?;
        let mut left = table.rows;
        for number in &candidate.columns {
            left *= known.get(candidate.table, *number)?.rows_a_value(table.rows) / table.rows.max(1.0);
        }
        let descent = 3.0;
        let read = self.snapshot.server.random_page_cost * (descent + left.min(table.pages as f64));
        Some(before - whole + read)
    }
}
