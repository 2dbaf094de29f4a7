use crate::TableName;
use std::fmt;

/// What [`Partitions::maintain`](super::Partitions::maintain) would do now; printed it is a script to read.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Plan {
    /// In the order in which it happens; at most some thousands.
    pub steps: Vec<Step>,
}

/// One step of a [`Plan`]: a table and what happens to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Step {
    /// What happens.
    pub action: Action,
    /// The partition.
    pub table: TableName,
    /// Its lower and upper bound, as they stand in the statements.
    pub bounds: Option<(String, String)>,
    /// What is sent. Statements that move rows are sent until none are left.
    pub statements: Vec<String>,
}

/// What a [`Step`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Takes a constraint off the default partition that was left there.
    Unfence,
    /// Ends a detachment that was begun.
    Finalize,
    /// Attaches a table that was left with rows in it.
    Finish,
    /// Gives the rows of a table that was left back to the partitioned table, whose range others have taken.
    GiveBack,
    /// Drops a table that was left, and is empty.
    Clear,
    /// Makes a partition and attaches it.
    Create,
    /// Detaches a partition that is past its time.
    Detach,
    /// Drops a partition that is past its time.
    Drop,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            write!(f, "-- {:?} {}", step.action, step.table)?;
            if let Some((from, to)) = &step.bounds {
                write!(f, " from {from} to {to}")?;
            }
            writeln!(f)?;
            for statement in &step.statements {
                writeln!(f, "{statement};")?;
            }
        }
        Ok(())
    }
}
