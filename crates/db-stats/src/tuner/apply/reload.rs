//! Letting the server read its files, and seeing what came of it.

use super::{
    applied::Effect,
    undo::{Step, Undo},
};
use crate::{Error, sql::Literal, tuner::value::Value};
use std::time::Duration;
use tokio_postgres::Client;

/// Has the server read its files, and waits until this session has, too: `true` if that was seen in time.
///
/// The server tells its processes one after the other, so a session's answer before it was told is an old one.
pub(super) async fn reload(client: &Client, limit: Duration) -> Result<bool, tokio_postgres::Error> {
    let before = load_time(client).await?;
    client.batch_execute(super::RELOAD).await?;
    let deadline = tokio::time::Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if load_time(client).await? != before {
            return Ok(true);
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

async fn load_time(client: &Client) -> Result<Option<String>, tokio_postgres::Error> {
    let sql = "SELECT (pg_catalog.date_part('epoch', pg_catalog.pg_conf_load_time()))::pg_catalog.text";
    let rows = client.query_typed(sql, &[]).await?;
    rows.first().map(|row| row.try_get(0)).transpose()
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| Literal(name).to_string()).collect::<Vec<_>>().join(", ")
}

/// Those of the settings that count at a restart only.
pub(super) async fn waiting_for_restart(client: &Client, names: &[&str]) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT s.name FROM pg_catalog.pg_settings s WHERE s.context OPERATOR(pg_catalog.=) 'postmaster'
         AND s.name IN ({})",
        list(names)
    );
    let rows = client.query_typed(&sql, &[]).await.map_err(Error::statement)?;
    rows.iter().map(|row| row.try_get(0).map_err(Error::statement)).collect()
}

struct Seen {
    name: String,
    value: Value,
    unit: Option<String>,
    vartype: String,
    source: String,
    pending_restart: bool,
}

async fn look(client: &Client, names: &[&str]) -> Result<Vec<Seen>, Error> {
    let sql = format!(
        "SELECT s.name, s.setting, s.unit, s.vartype, s.source, s.pending_restart FROM pg_catalog.pg_settings s
         WHERE s.name IN ({})",
        list(names)
    );
    let rows = client.query_typed(&sql, &[]).await.map_err(Error::statement)?;
    let read = |row: &tokio_postgres::Row| {
        let (unit, vartype): (Option<String>, String) = (row.try_get(2)?, row.try_get(3)?);
        let value = Value::parse(row.try_get(1)?, unit.as_deref(), &vartype);
        let (name, source, pending_restart) = (row.try_get(0)?, row.try_get(4)?, row.try_get(5)?);
        Ok(Seen { name, value, unit, vartype, source, pending_restart })
    };
    rows.iter().map(|row| read(row).map_err(Error::statement)).collect()
}

/// What became of each step, in their order.
pub(super) async fn effects(client: &Client, undo: &Undo, was_seen: bool) -> Result<Vec<Effect>, Error> {
    let names: Vec<&str> = undo.steps.iter().map(|step| step.setting.as_str()).collect();
    let seen = look(client, &names).await?;
    let of = |step: &Step| {
        let Some(seen) = seen.iter().find(|seen| seen.name == step.setting) else {
            return Effect::NotSeen { why: "the server does not show it".into() };
        };
        let wanted = Value::parse(&step.set, seen.unit.as_deref(), &seen.vartype);
        // First, since one that is written out where it was worked out before is said to wait for a restart as well.
        if seen.value == wanted {
            return Effect::Active;
        }
        if seen.pending_restart {
            return Effect::PendingRestart;
        }
        if ["client", "database", "user", "database user", "global", "session"]
            .contains(&seen.source.as_str())
        {
            return Effect::Hidden { source: seen.source.clone() };
        }
        let why = if was_seen {
            format!("the server has {} from its {}", seen.value, seen.source)
        } else {
            "the server has not read its files within the time".to_owned()
        };
        Effect::NotSeen { why }
    };
    Ok(undo.steps.iter().map(of).collect())
}

/// What the server runs with, and whether its files say something else that waits for a restart.
pub(super) async fn running(client: &Client, names: &[&str]) -> Result<Vec<(String, (String, bool))>, Error> {
    let seen = look(client, names).await?.into_iter();
    Ok(seen.map(|seen| (seen.name, (seen.value.to_string(), seen.pending_restart))).collect())
}
