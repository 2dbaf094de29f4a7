//! What one look at a server saw: plain data, each part read or not, and why not.

mod access;
mod activity;
mod relations;
mod server;
mod statements;

pub(super) use crate::session::{MAX_ROWS, PREPARED, Part, Session, Unread};
pub(super) use access::{Columns, Constraint, ForeignKey, Sequence};
pub(super) use activity::{Backend, Database, DatabaseAge, Prepared, Slot};
pub(super) use relations::{Column, Index, Table};
pub(super) use server::{Extension, Server};
#[cfg(test)]
pub(super) use statements::Seen;
pub(super) use statements::{Statement, Statements};

use crate::Error;

#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) server: Server,
    pub(super) extensions: Part<Vec<Extension>>,
    /// `Ok(None)` without the extension.
    pub(super) statements: Part<Option<Statements>>,
    pub(super) tables: Part<Vec<Table>>,
    pub(super) indexes: Part<Vec<Index>>,
    pub(super) columns: Part<Columns>,
    pub(super) foreign_keys: Part<Vec<ForeignKey>>,
    pub(super) invalid_constraints: Part<Vec<Constraint>>,
    pub(super) sequences: Part<Vec<Sequence>>,
    pub(super) backends: Part<Vec<Backend>>,
    pub(super) prepared: Part<Vec<Prepared>>,
    pub(super) slots: Part<Vec<Slot>>,
    pub(super) database: Part<Vec<Database>>,
    pub(super) ages: Part<Vec<DatabaseAge>>,
    /// Timed, requested.
    pub(super) checkpoints: Part<Vec<(i64, i64)>>,
    /// Parts with more rows than are read.
    pub(super) cut: Vec<&'static str>,
}

impl Snapshot {
    /// Reads all parts; a part that fails does not spoil the rest.
    pub(super) async fn take(session: &mut Session<'_>) -> Result<Self, Error> {
        let server = Server::read(session).await?;
        let extensions = server::extensions(session).await?;
        let found = extensions.as_deref().unwrap_or_default();
        let statements = statements::read(session, found).await?;
        let version = server.version;
        Ok(Self {
            extensions,
            statements,
            tables: relations::tables(session).await?,
            indexes: relations::indexes(session, version).await?,
            columns: access::columns(session).await?,
            foreign_keys: access::foreign_keys(session).await?,
            invalid_constraints: access::invalid_constraints(session, version).await?,
            sequences: access::sequences(session).await?,
            backends: activity::backends(session).await?,
            prepared: activity::prepared(session).await?,
            slots: activity::slots(session).await?,
            database: activity::database(session).await?,
            ages: activity::ages(session).await?,
            checkpoints: activity::checkpoints(session, version).await?,
            cut: session.cut(),
            server,
        })
    }

    /// The parts that are not there.
    pub(super) fn unread(&self) -> Vec<&Unread> {
        [
            self.extensions.as_ref().err(),
            self.statements.as_ref().err(),
            self.tables.as_ref().err(),
            self.indexes.as_ref().err(),
            self.columns.as_ref().err(),
            self.foreign_keys.as_ref().err(),
            self.invalid_constraints.as_ref().err(),
            self.sequences.as_ref().err(),
            self.backends.as_ref().err(),
            self.prepared.as_ref().err(),
            self.slots.as_ref().err(),
            self.database.as_ref().err(),
            self.ages.as_ref().err(),
            self.checkpoints.as_ref().err(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub(super) fn tables(&self) -> &[Table] {
        self.tables.as_deref().unwrap_or_default()
    }

    pub(super) fn indexes(&self) -> &[Index] {
        self.indexes.as_deref().unwrap_or_default()
    }

    /// The indexes of each table together.
    pub(super) fn indexes_by_table(&self) -> Vec<Vec<&Index>> {
        let mut tables: std::collections::BTreeMap<i64, Vec<&Index>> = std::collections::BTreeMap::new();
        for index in self.indexes() {
            tables.entry(index.table).or_default().push(index);
        }
        tables.into_values().collect()
    }

    pub(super) fn table(&self, oid: i64) -> Option<&Table> {
        // Read in the order of their oids.
        let tables = self.tables();
        tables.binary_search_by_key(&oid, |table| table.oid).ok().map(|at| &tables[at])
    }

    pub(super) fn extension(&self, name: &str) -> Option<&Extension> {
        self.extensions.as_deref().unwrap_or_default().iter().find(|extension| extension.name == name)
    }
}

#[cfg(test)]
impl Snapshot {
    /// A server of which nothing is known.
    pub(super) fn empty() -> Self {
        Self {
            server: Server::default(),
            extensions: Ok(Vec::new()),
            statements: Ok(None),
            tables: Ok(Vec::new()),
            indexes: Ok(Vec::new()),
            columns: Ok(Columns::default()),
            foreign_keys: Ok(Vec::new()),
            invalid_constraints: Ok(Vec::new()),
            sequences: Ok(Vec::new()),
            backends: Ok(Vec::new()),
            prepared: Ok(Vec::new()),
            slots: Ok(Vec::new()),
            database: Ok(Vec::new()),
            ages: Ok(Vec::new()),
            checkpoints: Ok(Vec::new()),
            cut: Vec::new(),
        }
    }
}
