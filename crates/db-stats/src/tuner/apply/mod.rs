//! Doing what a plan says, seeing whether it took, and the way back.

mod applied;
mod reload;
mod rights;
mod undo;

pub use applied::{Applied, Effect};
pub(super) use undo::Step;
pub use undo::{RolledBack, Undo};

use super::{Plan, Tuner, facts, scope::Scope};
use crate::{Error, outside::refuse_transaction, sql::Ident};
use tokio_postgres::{Client, error::SqlState};

pub(super) const RELOAD: &str = "SELECT pg_catalog.pg_reload_conf()";

/// What lets a role read what `ALTER SYSTEM` wrote.
pub(super) fn grant_files(role: &str) -> String {
    format!(
        "GRANT SELECT ON pg_catalog.pg_file_settings TO {0}; \
         GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO {0}",
        Ident(role)
    )
}

pub(super) async fn apply(tuner: &Tuner, client: &Client, plan: &Plan) -> Result<Applied, Error> {
    refuse_transaction(client).await?;
    let undo = Undo::new(plan.scope.clone(), plan.steps());
    if undo.steps.is_empty() {
        return Ok(Applied::new(undo, Vec::new()));
    }
    match &plan.scope {
        Scope::Server => server(tuner, client, undo).await,
        _ => scoped(client, undo).await,
    }
}

async fn server(tuner: &Tuner, client: &Client, mut undo: Undo) -> Result<Applied, Error> {
    let names: Vec<&str> = undo.steps.iter().map(|step| step.setting.as_str()).collect();
    rights::check(client, &names).await?;
    let file = facts::auto_file(client).await?;
    if !file.errors.is_empty() {
        let errors = file.errors.join("; ");
        return Err(Error::refused(format!("nothing was changed: the server's files have errors: {errors}")));
    }
    for step in &mut undo.steps {
        step.before = file.values.get(&step.setting).cloned();
    }
    for nth in 0..undo.steps.len() {
        let Step { setting, set, .. } = &undo.steps[nth];
        let statement = undo.scope.statement(setting, Some(set));
        // Each in a message of its own: it must not run within a transaction.
        if let Err(error) = client.batch_execute(&statement).await {
            let doing = format!("{statement}; what was set before it {}", put_back(client, &undo, nth).await);
            return Err(Error::step(doing, error));
        }
    }
    match take_in(tuner, client, &undo).await {
        Ok(effects) => Ok(Applied::new(undo, effects)),
        Err(failed) => {
            let put_back = put_back(client, &undo, undo.steps.len()).await;
            Err(match failed {
                Failed::Refused(why) => {
                    Error::refused(format!("the server does not take its files ({why}); all {put_back}"))
                }
                Failed::Statement(error) => {
                    Error::step(format!("having the files read; all {put_back}"), error)
                }
                Failed::Other(error) => error,
            })
        }
    }
}

/// Why what was written was not taken in.
enum Failed {
    Refused(String),
    Statement(tokio_postgres::Error),
    Other(Error),
}

/// Looks whether the server will take its files, has it read them, and sees what came of it.
async fn take_in(tuner: &Tuner, client: &Client, undo: &Undo) -> Result<Vec<Effect>, Failed> {
    let waiting = reload::waiting_for_restart(client, &names_of(undo)).await.map_err(Failed::Other)?;
    let file = facts::auto_file(client).await.map_err(Failed::Other)?;
    let refused = file.refused.iter().filter(|name| undo.sets(name) && !waiting.contains(name));
    let errors: Vec<String> = file.errors.iter().chain(refused).cloned().collect();
    if !errors.is_empty() {
        return Err(Failed::Refused(errors.join("; ")));
    }
    let seen = reload::reload(client, tuner.reload_timeout).await.map_err(Failed::Statement)?;
    if !seen {
        // Somebody may have broken a file since.
        let errors = facts::auto_file(client).await.map_err(Failed::Other)?.errors;
        if !errors.is_empty() {
            return Err(Failed::Refused(errors.join("; ")));
        }
    }
    reload::effects(client, undo, seen).await.map_err(Failed::Other)
}

fn names_of(undo: &Undo) -> Vec<&str> {
    undo.steps.iter().map(|step| step.setting.as_str()).collect()
}

/// Takes back the first so many steps, and says how that went.
async fn put_back(client: &Client, undo: &Undo, count: usize) -> String {
    let done = Undo::new(undo.scope.clone(), undo.steps[..count].to_vec());
    if count == 0 {
        return "was nothing".to_owned();
    }
    for statement in done.sql() {
        if client.batch_execute(&statement).await.is_err() {
            return format!("could not be put back; run: {}", done.sql().join("; "));
        }
    }
    "was put back".to_owned()
}

/// One message of several statements is one transaction: all of it holds, or nothing.
async fn scoped(client: &Client, mut undo: Undo) -> Result<Applied, Error> {
    undo.read_before(client).await?;
    let statements: Vec<String> =
        undo.steps.iter().map(|step| undo.scope.statement(&step.setting, Some(&step.set))).collect();
    if let Err(error) = client.batch_execute(&statements.join("; ")).await {
        if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return Err(Error::denied_by(
                format!("{}; nothing was changed", undo.scope),
                "for a role CREATEROLE and its ADMIN option, for a database its ownership, for a setting of superusers \
                 since PostgreSQL 15 GRANT SET ON PARAMETER",
                error,
            ));
        }
        return Err(Error::step(format!("{}; nothing was changed", undo.scope), error));
    }
    let effects = undo.steps.iter().map(|_| Effect::NewSessions).collect();
    Ok(Applied::new(undo, effects))
}
