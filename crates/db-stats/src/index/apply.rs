use super::{
    Diff, Entry, Extra, Index, Indexes, Progress, State,
    build::Build,
    catalog::{self, Found, Table},
};
use crate::{TableName, ddl::TableLock, error::Error, outside::refuse_transaction};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio_postgres::Client;

/// What became of each wanted index.
#[derive(Debug)]
#[must_use = "an index that failed is told in it"]
#[non_exhaustive]
pub struct Applied {
    /// Each wanted index by its name, in order.
    pub outcomes: Vec<(String, Outcome)>,
}

/// What became of a wanted index.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was there.
    Present,
    /// It was built, or what was missing of it.
    Built {
        /// In this time, with all waiting.
        took: Duration,
    },
    /// Something else has its name, and was left as it is.
    Different {
        /// What that is.
        found: String,
    },
    /// It could not be built. Nothing of it is left, unless the error is that dropping it failed; the next run does it
    /// then.
    Failed(Error),
}

impl Applied {
    /// The same, or else the first failure.
    ///
    /// # Errors
    /// The error of the first index that failed, or [`Unfit`](crate::ErrorKind::Unfit) for one whose name something
    /// else has.
    pub fn whole(self) -> Result<Self, Error> {
        let mut outcomes = Vec::with_capacity(self.outcomes.len());
        for (name, outcome) in self.outcomes {
            match outcome {
                Outcome::Failed(error) => return Err(error),
                Outcome::Different { found } => {
                    return Err(Error::unfit(format!("the name {name} has something else: {found}")));
                }
                other => outcomes.push((name, other)),
            }
        }
        Ok(Self { outcomes })
    }
}

impl Indexes {
    /// Compares the list with the server, by what the server itself makes of each description: spaces, casts and the
    /// order of words do not count. For that it makes each on an empty temporary copy of its table, within a
    /// transaction.
    ///
    /// # Errors
    /// [`Unfit`](crate::ErrorKind::Unfit) if a table is not there or not the role's own,
    /// [`InTransaction`](crate::ErrorKind::InTransaction) if the client is within a transaction; [`Statement`](crate::ErrorKind::Statement) if the server refuses a description.
    ///
    /// # Examples
    /// As of the [module](super).
    pub async fn diff(&self, client: &Client) -> Result<Diff, Error> {
        refuse_transaction(client).await?;
        let mut diff = Diff::default();
        let mut others: BTreeMap<TableName, Vec<Found>> = BTreeMap::new();
        for index in &self.indexes {
            let table = catalog::table(client, index.table()).await?;
            let signature = catalog::signature(client, index).await?;
            let indexes = catalog::indexes(client, table.oid).await?;
            let state = state(client, index, &table, &signature, &indexes).await?;
            let rest = others.entry(table.name.clone()).or_insert(indexes);
            rest.retain(|found| found.name != index.name() && found.signature != signature);
            diff.entries.push(Entry { table: table.name, name: index.name().to_owned(), state });
        }
        if self.extra {
            for (table, found) in others {
                let extra = found.into_iter().filter(|found| !found.bound).map(|found| Extra {
                    table: table.clone(),
                    name: found.name,
                    definition: found.definition,
                });
                diff.extra.extend(extra);
            }
        }
        Ok(diff)
    }

    /// Builds what is missing or not valid, one after the other, and tells `progress` of it four times a second if
    /// there is a second session as `watcher`. One that fails does not keep the others from being built.
    ///
    /// # Errors
    /// As [`diff`](Self::diff) if that is so of the client or if the connection is lost; what fails of one index is its
    /// [outcome](Outcome::Failed).
    ///
    /// # Cancel safety
    /// A build whose future is dropped goes on in the server, unless the statement is cancelled, as a pool of this
    /// crate does. The session's time-outs are put back behind it, and the next run goes on from what is there.
    ///
    /// # Examples
    /// As of the [module](super).
    pub async fn apply(
        &self,
        client: &Client,
        watcher: Option<&Client>,
        mut progress: impl FnMut(&Progress) + Send,
    ) -> Result<Applied, Error> {
        refuse_transaction(client).await?;
        let pid = client.query_typed("SELECT pg_catalog.pg_backend_pid()", &[]).await;
        let pid = pid.map_err(|error| Error::step("reading the session's process", error))?;
        let watcher = watcher.zip(pid.first().map(|row| row.get(0)));
        let mut outcomes = Vec::with_capacity(self.indexes.len());
        for index in &self.indexes {
            let outcome = match self.one(client, watcher, index, &mut progress).await {
                Ok(outcome) => outcome,
                Err(error) if client.is_closed() => return Err(error),
                Err(error) => Outcome::Failed(error),
            };
            outcomes.push((index.name().to_owned(), outcome));
        }
        Ok(Applied { outcomes })
    }

    async fn one(
        &self,
        client: &Client,
        watcher: Option<(&Client, i32)>,
        index: &Index,
        tell: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<Outcome, Error> {
        let began = Instant::now();
        let table = catalog::table(client, index.table()).await?;
        let signature = catalog::signature(client, index).await?;
        let lock = TableLock::acquire(client, table.oid, self.wait).await?;
        let indexes = catalog::indexes(client, table.oid).await?;
        let outcome = match state(client, index, &table, &signature, &indexes).await? {
            State::Present { .. } => Outcome::Present,
            State::Different { found } => Outcome::Different { found },
            State::Missing | State::Invalid { .. } => {
                let mut build = Build { wanted: self, client, watcher, index, signature, tell };
                build.run(&table).await?;
                Outcome::Built { took: began.elapsed() }
            }
        };
        lock.release().await?;
        Ok(outcome)
    }
}

async fn state(
    client: &Client,
    index: &Index,
    table: &Table,
    signature: &str,
    indexes: &[Found],
) -> Result<State, Error> {
    if let Some(found) = indexes.iter().find(|found| found.name == index.name()) {
        // One that is half built is dropped before it is built again, so it must be sure that it is this one.
        if found.signature != signature {
            return Ok(State::Different { found: found.definition.clone() });
        }
        if found.valid {
            return Ok(State::Present { name: found.name.clone() });
        }
        let building = catalog::is_being_built(client, table.oid, found.oid).await?;
        return Ok(State::Invalid { building });
    }
    if let Some(found) = indexes.iter().find(|found| found.valid && found.signature == signature) {
        return Ok(State::Present { name: found.name.clone() });
    }
    if catalog::is_taken(client, &table.name, index.name()).await? {
        return Ok(State::Different { found: "a relation that is not an index of this table".to_owned() });
    }
    Ok(State::Missing)
}
