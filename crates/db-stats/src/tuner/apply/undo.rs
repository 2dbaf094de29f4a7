use super::{RELOAD, reload};
use crate::{
    Error,
    outside::refuse_transaction,
    sql::Literal,
    tuner::{facts, scope::Scope},
};
use std::{collections::BTreeMap, time::Duration};
use tokio_postgres::Client;

/// One change: what is set, and what was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tuner) struct Step {
    pub(in crate::tuner) setting: String,
    pub(in crate::tuner) set: String,
    /// The value of the file, or of the role or database; `None` if there was none.
    pub(in crate::tuner) before: Option<String>,
}

/// The way back: as statements to keep ([`sql`](Self::sql)), or to be gone ([`rollback`](Self::rollback)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    pub(super) scope: Scope,
    pub(super) steps: Vec<Step>,
}

/// What [`Undo::rollback`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RolledBack {
    /// Settings that are as they were before.
    pub restored: Vec<String>,
    /// Settings that were changed again by somebody else since, with the value that they have: they were left alone.
    pub left: Vec<(String, Option<String>)>,
    /// Settings whose value of before the server will have after a restart only.
    pub pending_restart: Vec<String>,
}

impl Undo {
    pub(in crate::tuner) fn new(scope: Scope, steps: Vec<Step>) -> Self {
        Self { scope, steps }
    }

    pub(super) fn sets(&self, setting: &str) -> bool {
        self.steps.iter().any(|step| step.setting == setting)
    }

    /// The statements, each by itself. Run as they are they restore all of it, whoever changed it since; a setting that
    /// waits for a restart may then be said to wait until there is one, which [`rollback`](Self::rollback) avoids.
    #[must_use]
    pub fn sql(&self) -> Vec<String> {
        let steps = self.steps.iter();
        let mut all: Vec<_> =
            steps.map(|step| self.scope.statement(&step.setting, step.before.as_deref())).collect();
        if self.scope == Scope::Server && !all.is_empty() {
            all.push(RELOAD.to_owned());
        }
        all
    }

    /// Restores what was there before: in `postgresql.auto.conf` each setting's line or none, or what the role or database
    /// had; then has the server read its files. Settings that somebody changed since are left, and said.
    ///
    /// # Errors
    /// [`InTransaction`](crate::ErrorKind::InTransaction), [`Denied`](crate::ErrorKind::Denied), and
    /// [`Statement`](crate::ErrorKind::Statement) for one that the server refuses; the others are restored all the same.
    ///
    /// # Cancel safety
    /// What was restored stays so, and calling it again does the rest.
    pub async fn rollback(&self, client: &Client) -> Result<RolledBack, Error> {
        refuse_transaction(client).await?;
        if self.steps.is_empty() {
            return Ok(RolledBack::default());
        }
        let (done, failed) = match self.scope {
            Scope::Server => {
                let running = self.calm(client).await?;
                let there = facts::auto_file(client).await?.values;
                let (mut done, failed) = self.restore(client, &there, &running).await;
                done.pending_restart = self.pending_after(client, &done).await?;
                (done, failed)
            }
            _ => self.restore(client, &self.there(client).await?, &BTreeMap::new()).await,
        };
        match failed {
            Some((statement, error)) => Err(Error::step(statement, error)),
            None => Ok(done),
        }
    }

    /// A setting that waits for a restart goes on to be said to wait when its line is simply gone. So it first gets what
    /// the server runs with, by which it waits no longer. Gives those values: a line with one may be left of a rollback that was interrupted.
    async fn calm(&self, client: &Client) -> Result<BTreeMap<String, String>, Error> {
        let new: Vec<&str> = self
            .steps
            .iter()
            .filter(|step| step.before.is_none())
            .map(|step| step.setting.as_str())
            .collect();
        if new.is_empty() {
            return Ok(BTreeMap::new());
        }
        let there = facts::auto_file(client).await?.values;
        let mut reload_is_due = false;
        let new = reload::waiting_for_restart(client, &new).await?;
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        if new.is_empty() {
            return Ok(BTreeMap::new());
        }
        let running: BTreeMap<_, _> = reload::running(client, &new).await?.into_iter().collect();
        for step in self.steps.iter().filter(|step| there.get(&step.setting) == Some(&step.set)) {
            if let Some((value, true)) = running.get(&step.setting) {
                let statement = self.scope.statement(&step.setting, Some(value));
                client.batch_execute(&statement).await.map_err(|error| Error::step(statement, error))?;
                reload_is_due = true;
            }
        }
        if reload_is_due {
            self.reload(client).await?;
        }
        Ok(running.into_iter().map(|(name, (value, _))| (name, value)).collect())
    }

    async fn reload(&self, client: &Client) -> Result<(), Error> {
        let reloaded = reload::reload(client, Duration::from_secs(10)).await;
        reloaded.map(drop).map_err(|error| Error::step(RELOAD, error))
    }

    /// One by one: what fails does not keep the others from being restored.
    async fn restore(
        &self,
        client: &Client,
        there: &BTreeMap<String, String>,
        running: &BTreeMap<String, String>,
    ) -> (RolledBack, Option<(String, tokio_postgres::Error)>) {
        let (mut done, mut failed) = (RolledBack::default(), None);
        for step in &self.steps {
            let now = there.get(&step.setting);
            if now != step.before.as_ref() {
                if now != Some(&step.set) && now != running.get(&step.setting) {
                    done.left.push((step.setting.clone(), now.cloned()));
                    continue;
                }
                let statement = self.scope.statement(&step.setting, step.before.as_deref());
                if let Err(error) = client.batch_execute(&statement).await {
                    failed.get_or_insert((statement, error));
                    continue;
                }
            }
            done.restored.push(step.setting.clone());
        }
        (done, failed)
    }

    async fn pending_after(&self, client: &Client, done: &RolledBack) -> Result<Vec<String>, Error> {
        self.reload(client).await?;
        let names: Vec<&str> = done.restored.iter().map(String::as_str).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let running = reload::running(client, &names).await?;
        Ok(running.into_iter().filter(|(_, (_, waits))| *waits).map(|(name, _)| name).collect())
    }

    /// What the role or database has now.
    async fn there(&self, client: &Client) -> Result<BTreeMap<String, String>, Error> {
        let oid = |name: Option<&str>, table: &str, column: &str| {
            name.map_or("0".to_owned(), |name| {
                let name = Literal(name);
                // A name that is not there is an error of the statement that changes it.
                format!("coalesce((SELECT t.oid FROM pg_catalog.{table} t WHERE t.{column} OPERATOR(pg_catalog.=) {name}::pg_catalog.name), 4294967295)")
            })
        };
        let sql = format!(
            "SELECT c.entry FROM pg_catalog.pg_db_role_setting s CROSS JOIN pg_catalog.unnest(s.setconfig) AS c(entry)
             WHERE s.setrole OPERATOR(pg_catalog.=) {}::pg_catalog.oid AND s.setdatabase OPERATOR(pg_catalog.=) {}::pg_catalog.oid",
            oid(self.scope.role(), "pg_roles", "rolname"),
            oid(self.scope.database(), "pg_database", "datname")
        );
        let rows = client.query_typed(&sql, &[]).await.map_err(Error::statement)?;
        let mut there = BTreeMap::new();
        for row in rows {
            let entry: String = row.try_get(0).map_err(Error::statement)?;
            let (name, value) = entry.split_once('=').unwrap_or((&entry, ""));
            there.insert(name.to_lowercase(), value.to_owned());
        }
        Ok(there)
    }

    pub(super) async fn read_before(&mut self, client: &Client) -> Result<(), Error> {
        let mut there = self.there(client).await?;
        for step in &mut self.steps {
            step.before = there.remove(&step.setting);
        }
        Ok(())
    }
}
