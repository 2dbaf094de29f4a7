use crate::TableName;
use std::fmt;

/// Where the wanted indexes and the server's differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diff {
    /// Each wanted index, in order.
    pub entries: Vec<Entry>,
    /// Indexes of the same tables that are not wanted, if that was [asked](super::IndexesBuilder::report_extra): none
    /// of a constraint's, nor of a partitioned table's.
    pub extra: Vec<Extra>,
}

impl Diff {
    /// Whether all are there and sound.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.entries.iter().all(|entry| matches!(entry.state, State::Present { .. }))
    }
}

/// A wanted index and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its table.
    pub table: TableName,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: State,
}

/// How a wanted index stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is there and valid, perhaps under another name.
    Present {
        /// The name that it has.
        name: String,
    },
    /// It is not there.
    Missing,
    /// It is there but not valid: half built, or without the indexes of all partitions.
    Invalid {
        /// Whether somebody builds it now.
        building: bool,
    },
    /// Something else has its name.
    Different {
        /// What that is: the definition of an index, or another relation.
        found: String,
    },
}

/// An index that is not wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extra {
    /// Its table.
    pub table: TableName,
    /// Its name.
    pub name: String,
    /// Its definition, with which it can be made again.
    pub definition: String,
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Entry { table, name, state } in &self.entries {
            match state {
                State::Present { name: same } if same == name => writeln!(f, "present    {name} on {table}")?,
                State::Present { name: other } => writeln!(f, "present    {name} on {table}, as {other}")?,
                State::Missing => writeln!(f, "missing    {name} on {table}")?,
                State::Invalid { building: true } => writeln!(f, "building   {name} on {table}")?,
                State::Invalid { building: false } => writeln!(f, "invalid    {name} on {table}")?,
                State::Different { found } => writeln!(f, "different  {name} on {table}: {found}")?,
            }
        }
        for Extra { table, name, definition } in &self.extra {
            writeln!(f, "extra      {name} on {table}: {definition}")?;
        }
        Ok(())
    }
}
