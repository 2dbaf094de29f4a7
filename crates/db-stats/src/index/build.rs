//! Building one index so that writers go on, and so that whatever ends it half-way is found by the next run.

use super::{
    Indexes, Progress, catalog,
    catalog::{Found, Table},
    definition::{How, Index},
    progress::watched,
};
use crate::{
    TableName,
    ddl::{self, Retry, Session, short_name},
    error::Error,
    sql::Ident,
};
use std::time::Instant;
use tokio_postgres::Client;

/// A build under way.
pub(super) struct Build<'a> {
    pub(super) wanted: &'a Indexes,
    pub(super) client: &'a Client,
    /// A second session, and the process of the first.
    pub(super) watcher: Option<(&'a Client, i32)>,
    pub(super) index: &'a Index,
    pub(super) signature: String,
    pub(super) tell: &'a mut (dyn FnMut(&Progress) + Send),
}

impl Build<'_> {
    pub(super) async fn run(&mut self, table: &Table) -> Result<(), Error> {
        let name = self.index.name().to_owned();
        if table.partitioned { self.partitioned(table, name).await } else { self.plain(table, &name).await }
    }

    /// The parent's index first, of no partition; then each partition's, attached when it is there. The parent's turns
    /// valid with the last. Those that are there already are only attached.
    async fn partitioned(&mut self, table: &Table, name: String) -> Result<(), Error> {
        let found = catalog::indexes(self.client, table.oid).await?;
        if !found.iter().any(|index| index.name == name) {
            let sql = self.index.create(How::Only, Some(&name), &table.name.to_string());
            self.transaction(&format!("creating the index {} on {} alone", Ident(&name), table.name), sql)
                .await?;
        }
        // Partitions that come meanwhile get the index at their attachment, by the server.
        for _ in 0..2 {
            let parent = self.named(table, &name).await?;
            if parent.valid {
                return Ok(());
            }
            for part in catalog::partitions(self.client, table.oid).await? {
                self.partition(table, &parent, &part).await?;
            }
        }
        if self.named(table, &name).await?.valid {
            return Ok(());
        }
        let (name, table) = (Ident(&name), &table.name);
        Err(Error::unfit(format!(
            "the index {name} of {table} is still not valid: partitions come and go meanwhile"
        )))
    }

    async fn partition(&mut self, table: &Table, parent: &Found, part: &Table) -> Result<(), Error> {
        let indexes = catalog::indexes(self.client, part.oid).await?;
        let attached = indexes.iter().find(|index| index.parent == Some(parent.oid));
        if attached.is_some_and(|index| index.valid) {
            return Ok(());
        }
        let equal =
            |index: &&Found| index.valid && index.parent.is_none() && index.signature == self.signature;
        let name = match (attached, indexes.iter().find(equal)) {
            (Some(index), _) | (None, Some(index)) => index.name.clone(),
            (None, None) => self.free_name(part, &indexes).await?,
        };
        if part.partitioned {
            Box::pin(self.partitioned(part, name.clone())).await?;
        } else {
            self.plain(part, &name).await?;
        }
        if attached.is_some() {
            return Ok(());
        }
        let (parent, child) =
            (TableName::new(table.name.schema(), &parent.name), TableName::new(part.name.schema(), &name));
        self.transaction(
            &format!("attaching the index {child}"),
            format!("ALTER INDEX {parent} ATTACH PARTITION {child}"),
        )
        .await
    }

    /// A name for a partition's index: free, or that of one which was left half built.
    async fn free_name(&mut self, part: &Table, indexes: &[Found]) -> Result<String, Error> {
        let name = self.index.name();
        let rest =
            name.strip_prefix(self.index.table().name()).map_or(name, |rest| rest.trim_start_matches('_'));
        for nth in 1..=100 {
            let suffix = if nth == 1 { String::new() } else { format!("_{nth}") };
            let name = short_name(&format!("{}_{rest}", part.name.name()), &suffix);
            let left = indexes.iter().any(|index| {
                index.name == name
                    && !index.valid
                    && index.parent.is_none()
                    && index.signature == self.signature
            });
            if left || !catalog::is_taken(self.client, &part.name, &name).await? {
                return Ok(name);
            }
        }
        Err(Error::unfit(format!("no name is free for the index {} of {}", Ident(name), part.name)))
    }

    async fn named(&mut self, table: &Table, name: &str) -> Result<Found, Error> {
        let found =
            catalog::indexes(self.client, table.oid).await?.into_iter().find(|index| index.name == name);
        found.ok_or_else(|| Error::unfit(format!("somebody has dropped the index {} meanwhile", Ident(name))))
    }

    /// One ordinary table: what is left half built by nobody is dropped first, never taken for the index.
    async fn plain(&mut self, table: &Table, name: &str) -> Result<(), Error> {
        let doing = format!("building the index {} on {}", Ident(name), table.name);
        let began = Instant::now();
        for nth in 0.. {
            if self.is_there(table, name).await? {
                return Ok(());
            }
            let error = match self.concurrently(table, name).await? {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if self.client.is_closed() {
                return Err(Error::step(doing, error));
            }
            self.clean(table, name).await?;
            if !Retry::is_passing(&error) {
                return Err(Error::step(doing, error));
            }
            if nth + 1 >= self.wanted.tries {
                return Err(Error::busy(doing, began.elapsed(), Some(error)));
            }
            Retry::back_off(nth).await;
        }
        unreachable!("the loop has no end")
    }

    /// Waits for whoever builds it, and drops what nobody builds.
    async fn is_there(&mut self, table: &Table, name: &str) -> Result<bool, Error> {
        let began = Instant::now();
        for nth in 0.. {
            let found =
                catalog::indexes(self.client, table.oid).await?.into_iter().find(|index| index.name == name);
            let Some(found) = found else { return Ok(false) };
            if found.valid {
                return Ok(true);
            }
            if !catalog::is_being_built(self.client, table.oid, found.oid).await? {
                // Looked at again: it may have been nobody's since it was whole just then.
                self.clean(table, name).await?;
                continue;
            }
            if began.elapsed() >= self.wanted.wait {
                let doing = format!("waiting for whoever builds the index {}", Ident(name));
                return Err(Error::busy(doing, began.elapsed(), None));
            }
            Retry::back_off(nth).await;
        }
        unreachable!("the loop has no end")
    }

    async fn concurrently(
        &mut self,
        table: &Table,
        name: &str,
    ) -> Result<Result<(), tokio_postgres::Error>, Error> {
        let sql = self.index.create(How::Concurrently, Some(name), &table.name.to_string());
        let session = Session::begin(self.client, self.wanted.build_wait).await?;
        let seen = (table.name.clone(), name.to_owned());
        let result = watched(self.client.batch_execute(&sql), self.watcher, &seen, self.tell).await;
        if self.client.is_closed() {
            return Ok(result);
        }
        session.end().await?;
        Ok(result)
    }

    /// Drops the index if it is there and not valid.
    async fn clean(&mut self, table: &Table, name: &str) -> Result<(), Error> {
        let doing = format!("dropping the half built index {}", Ident(name));
        let began = Instant::now();
        for nth in 0.. {
            let found = catalog::indexes(self.client, table.oid).await?;
            if !found.iter().any(|index| index.name == name && !index.valid) {
                return Ok(());
            }
            let session = Session::begin(self.client, self.wanted.build_wait).await?;
            let drop = format!("DROP INDEX CONCURRENTLY {}.{}", Ident(table.name.schema()), Ident(name));
            let result = self.client.batch_execute(&drop).await;
            session.end().await?;
            match result {
                Ok(()) => return Ok(()),
                Err(error) if Retry::is_passing(&error) && nth + 1 < self.wanted.tries => {
                    Retry::back_off(nth).await
                }
                Err(error) if Retry::is_passing(&error) => {
                    return Err(Error::busy(doing, began.elapsed(), Some(error)));
                }
                Err(error) => return Err(Error::step(doing, error)),
            }
        }
        unreachable!("the loop has no end")
    }

    async fn transaction(&mut self, doing: &str, sql: String) -> Result<(), Error> {
        let retry = Retry { lock_timeout: self.wanted.lock_timeout, tries: self.wanted.tries };
        ddl::transaction(self.client, retry, doing, &[sql]).await.map(drop)
    }
}
