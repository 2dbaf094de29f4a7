//! Indexes that statements would use: candidates from the texts, judged by the planner.

mod candidates;
mod nodes;
mod plan;
mod schema;
mod trial;
mod uses;

use super::{
    Advice, Confidence, Severity, Thresholds,
    advice::{columns, plain_columns},
    check::{count, foreign_key::index_name, rows, slow_statement},
    snapshot::{Session, Snapshot, Statement},
};
use crate::{Error, sql::Ident};
use candidates::{Candidate, candidates};
use schema::Schema;
use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};
use trial::{Saving, Trial};
use uses::uses;

/// What an entry more costs a write, in the planner's units: about a page that is in memory.
const WRITE_COST: f64 = 1.0;

/// Tries the statements with most time, as long as there is time.
pub(super) async fn find(
    session: &mut Session<'_>,
    snapshot: &Snapshot,
    thresholds: &Thresholds,
    time: Duration,
) -> Result<Vec<Advice>, Error> {
    let Ok(Some(statements)) = &snapshot.statements else { return Ok(Vec::new()) };
    if snapshot.indexes.is_err() || time.is_zero() {
        return Ok(Vec::new());
    }
    let schema = Schema::new(snapshot);
    let until = Instant::now() + time;
    let mut trial = Trial::new(session, snapshot, thresholds, until).await?;
    let mut found: BTreeMap<Candidate, Vec<Evidence<'_>>> = BTreeMap::new();
    let mut not_tried = 0;
    let work = statements.all.iter().filter(|statement| slow_statement::is_work(&statement.text));
    for statement in work.take(thresholds.index_statements) {
        let mut wanted: Vec<(uses::Use, Vec<Candidate>)> = Vec::new();
        for used in uses(&statement.text, &schema) {
            let is_large = snapshot
                .table(used.table)
                .is_some_and(|table| table.rows >= thresholds.min_rows as f64 && !table.is_partitioned);
            let tried = if is_large { candidates(&used, snapshot) } else { Vec::new() };
            if !tried.is_empty() {
                wanted.push((used, tried));
            }
        }
        if wanted.is_empty() {
            continue;
        }
        if Instant::now() >= until {
            not_tried += 1;
            continue;
        }
        for (candidate, saving) in trial.run(statement, &wanted).await? {
            found.entry(candidate).or_default().push(Evidence { statement, saving });
        }
    }
    let mut advice = chosen(found, snapshot, thresholds);
    if not_tried > 0 {
        advice.push(
            Advice::new("not_read", "missing indexes", Severity::Info)
                .evidence(format!(
                    "{} not tried with other indexes: the time of {time:?} was over",
                    count(not_tried, "statement")
                ))
                .advice("allow more by index_time, or run the advisor when the server is idle"),
        );
    }
    Ok(advice)
}

/// A statement that a candidate helps.
struct Evidence<'a> {
    statement: &'a Statement,
    saving: Saving,
}

impl Evidence<'_> {
    fn saved(&self) -> f64 {
        (self.saving.before - self.saving.after) * self.statement.calls as f64
    }
}

/// The best of each table, without those that begin another one.
fn chosen(
    found: BTreeMap<Candidate, Vec<Evidence<'_>>>,
    snapshot: &Snapshot,
    thresholds: &Thresholds,
) -> Vec<Advice> {
    let longer: Vec<Candidate> = found.keys().cloned().collect();
    let begins = |a: &Candidate, b: &Candidate| {
        a.table == b.table && a.columns.len() < b.columns.len() && b.columns.starts_with(&a.columns)
    };
    let mut ranked: Vec<(f64, Candidate, Vec<Evidence<'_>>)> = Vec::new();
    for (candidate, evidence) in found {
        let saved: f64 = evidence.iter().map(Evidence::saved).sum();
        let written = snapshot.table(candidate.table).map_or(0, |table| table.written) as f64 * WRITE_COST;
        if saved > written && !longer.iter().any(|other| begins(&candidate, other)) {
            ranked.push((saved - written, candidate, evidence));
        }
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut of_table: BTreeMap<i64, usize> = BTreeMap::new();
    let mut names = HashSet::new();
    let mut advice = Vec::new();
    for (_, candidate, evidence) in ranked {
        let count = of_table.entry(candidate.table).or_insert(0);
        *count += 1;
        if *count <= thresholds.indexes_per_table {
            advice.extend(advise(&candidate, &evidence, snapshot, &mut names));
        }
    }
    advice
}

fn advise(
    candidate: &Candidate,
    evidence: &[Evidence<'_>],
    snapshot: &Snapshot,
    names: &mut HashSet<String>,
) -> Option<Advice> {
    let table = snapshot.table(candidate.table)?;
    let known = snapshot.columns.as_ref().ok()?;
    let name_of = |number: &i64| known.get(candidate.table, *number).map(|column| column.name.clone());
    let keys: Option<Vec<String>> = candidate.columns.iter().map(name_of).collect();
    let keys = keys?;
    let first = evidence.iter().max_by(|a, b| a.saved().total_cmp(&b.saved()))?;
    let calls: i64 = evidence.iter().map(|evidence| evidence.statement.calls).sum();
    let is_verified = evidence.iter().any(|evidence| evidence.saving.is_verified);
    let how =
        if is_verified { "by the planner, with a hypothetical index" } else { "an estimate, without hypopg" };
    let name = index_name(&table.name.name, &keys, snapshot, candidate.table);
    // Two long names may be cut to the same one.
    let name =
        if names.insert(name.clone()) { name } else { format!("perfect21_{}_{}", table.oid, names.len()) };
    names.insert(name.clone());
    let object = format!("{}({})", table.name, plain_columns(&keys));
    let written = rows(table.written as f64);
    Some(
        Advice::new("missing_index", object, Severity::Warning)
            .evidence(format!(
                "{}, {calls} calls; the cost of the first falls from {:.0} to {:.0} ({how}); {written} writes \
                 of {} rows would have kept it up: {}",
                count(evidence.len(), "statement"),
                first.saving.before,
                first.saving.after,
                rows(table.rows),
                slow_statement::short(&first.statement.text)
            ))
            .advice("build it while all go on; drop it again if the plans do not change")
            .gain(format!("{:.0} % of that cost", (1.0 - first.saving.after / first.saving.before) * 100.0))
            .fix(format!("CREATE INDEX CONCURRENTLY {} ON {} ({})", Ident(&name), table.name.sql(), columns(&keys)))
            .undo(format!("DROP INDEX CONCURRENTLY {}", table.name.sibling(&name).sql()))
            .confidence(if is_verified { Confidence::High } else { Confidence::Low }),
    )
}
