use crate::{Error, TableName};

/// What [`Partitions::maintain`](super::Partitions::maintain) did.
#[derive(Debug, Default)]
#[must_use = "steps that failed are told in `failures`"]
#[non_exhaustive]
pub struct Report {
    /// Partitions that were made and attached.
    pub created: Vec<TableName>,
    /// Partitions that an earlier run had begun, with rows in them, and that are attached now.
    pub finished: Vec<TableName>,
    /// Rows that went out of the default partition to where they belong.
    pub moved_rows: u64,
    /// Rows of tables that were left by an earlier run, given back to the partitioned table.
    pub given_back: u64,
    /// Detachments that were begun earlier, and are ended now.
    pub finalized: Vec<TableName>,
    /// Partitions that were past their time, and are tables of their own now.
    pub detached: Vec<TableName>,
    /// Partitions that were past their time, and are gone.
    pub dropped: Vec<TableName>,
    /// Steps that failed, with the table that each was about; the next run tries them again.
    pub failures: Vec<(TableName, Error)>,
}

impl Report {
    /// The report, or else the first failure.
    ///
    /// # Errors
    /// The error of the first step that failed.
    pub fn whole(mut self) -> Result<Self, Error> {
        if self.failures.is_empty() { Ok(self) } else { Err(self.failures.swap_remove(0).1) }
    }
}
