//! Which table and column a name means.

use super::super::snapshot::{Columns, Snapshot};
use std::collections::HashMap;

pub(super) struct Schema<'a> {
    tables: HashMap<(&'a str, &'a str), i64>,
    path: &'a [String],
    columns: Option<&'a Columns>,
}

impl<'a> Schema<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let names = snapshot.tables().iter().map(|table| {
            let name = &table.name;
            ((name.schema.as_str(), name.name.as_str()), table.oid)
        });
        Self { tables: names.collect(), path: &snapshot.server.path, columns: snapshot.columns.as_ref().ok() }
    }

    /// By `name`, `schema.name` or `database.schema.name`.
    pub(super) fn table(&self, path: &[&str]) -> Option<i64> {
        match path {
            [.., schema, name] => self.tables.get(&(*schema, *name)).copied(),
            [name] => self.path.iter().find_map(|schema| self.tables.get(&(schema.as_str(), *name)).copied()),
            [] => None,
        }
    }

    pub(super) fn column(&self, table: i64, name: &str) -> Option<i64> {
        self.columns?.named(table, name).map(|column| column.number)
    }
}
