//! Doing it: each step whole or not at all, and known again if the next one does not come.

use super::{
    Partitions, Report,
    catalog::{Parent, Part},
    statements::{Bounds, Rescue, drop_empty},
    work::Work,
};
use crate::{
    TableName,
    ddl::{self, Retry, Session, short_name},
    error::Error,
    sql::Ident,
};
use tokio_postgres::{Client, SimpleQueryMessage, types::Type};

/// A maintenance under way.
pub(super) struct Run<'a> {
    pub(super) partitions: &'a Partitions,
    pub(super) client: &'a Client,
    pub(super) parent: Parent,
    pub(super) report: Report,
}

impl Run<'_> {
    /// A step that fails is noted, and the next ones are tried: one that cannot be done must not hold up the others.
    pub(super) async fn all(&mut self, works: Vec<Work>) -> Result<(), Error> {
        for work in works {
            let table = work.table(&self.parent).clone();
            if let Err(error) = self.one(work).await {
                if self.client.is_closed() {
                    return Err(error);
                }
                self.report.failures.push((table, error));
            }
        }
        Ok(())
    }

    async fn one(&mut self, work: Work) -> Result<(), Error> {
        match work {
            Work::Unfence => {
                self.transaction("taking a left constraint off", &self.parent.unfence()).await.map(drop)
            }
            Work::Finalize(part) => self.finalize(part).await,
            Work::Finish(left, bounds) => {
                self.attach(&left.name, &bounds, true).await?;
                self.report.finished.push(left.name);
                Ok(())
            }
            Work::GiveBack(left) => self.give_back(&left.name).await,
            Work::Clear(left) => {
                self.transaction("dropping an empty table", &drop_empty(&left.name)).await.map(drop)
            }
            Work::Create { suffix, bounds } => {
                let name = free_name(self.client, &self.parent.name, &suffix, &[]).await?;
                self.attach(&name, &bounds, false).await?;
                self.report.created.push(name);
                Ok(())
            }
            Work::Detach(part) => {
                self.detach(&part, false).await?;
                self.report.detached.push(part.name);
                Ok(())
            }
            Work::Drop(part) => {
                self.detach(&part, true).await?;
                self.drop_table(part.name).await
            }
            Work::DropLeft(left) => self.drop_table(left.name).await,
        }
    }

    /// Makes the table unless it is there, moves the rows of its range into it, and attaches it.
    async fn attach(&mut self, name: &TableName, bounds: &Bounds, staged: bool) -> Result<(), Error> {
        let stage = if staged { Vec::new() } else { self.parent.stage(name, bounds) };
        let rows = self.is_there_any(bounds).await?;
        let fixed = self.parent.default.as_ref().and_then(|default| default.fixed.as_ref());
        if let Some(why) = fixed.filter(|_| rows) {
            let (from, to) = (&bounds.from, &bounds.to);
            return Err(Error::unfit(format!(
                "rows of the default partition from {from} to {to} cannot be moved: {why}; move them by hand"
            )));
        }
        let doing = format!("attaching {name}");
        let fenced = self.partitions.is_fenced(&self.parent);
        let rescue = self.partitions.rescue(&self.parent, bounds, rows);
        if !rows && !fenced && !staged {
            let all = [stage, self.parent.attach(name, bounds, rescue)].concat();
            let answer = self.transaction(&doing, &all).await?;
            self.report.moved_rows += changed(&answer);
            return Ok(());
        }
        if !stage.is_empty() {
            self.transaction(&format!("creating {name}"), &stage).await?;
        }
        let result = self.attach_staged(name, bounds, rescue).await;
        if result.is_err() && !self.client.is_closed() {
            // Not seen by anybody until the next run, which may be a day away: better back to where they were.
            let _ = self.give_back(name).await;
        }
        result
    }

    async fn attach_staged(
        &mut self,
        name: &TableName,
        bounds: &Bounds,
        rescue: Rescue,
    ) -> Result<(), Error> {
        let doing = format!("attaching {name}");
        if rescue != Rescue::None {
            self.rescue(name, bounds, false).await?;
        }
        if self.partitions.is_fenced(&self.parent)
            && let Some((add, validate, drop)) = self.parent.fence(bounds)
        {
            let fence = Fence { client: self.client, drop: Some(drop.clone()) };
            self.transaction("fencing the default partition", &[add]).await?;
            if rescue != Rescue::None {
                self.rescue(name, bounds, true).await?;
            }
            self.transaction("checking the default partition", &[validate]).await?;
            let attach = [self.parent.attach(name, bounds, Rescue::None), vec![drop]].concat();
            self.transaction(&doing, &attach).await?;
            fence.taken_down();
            return Ok(());
        }
        let answer = self.transaction(&doing, &self.parent.attach(name, bounds, rescue)).await?;
        self.report.moved_rows += changed(&answer);
        Ok(())
    }

    async fn is_there_any(&self, bounds: &Bounds) -> Result<bool, Error> {
        let Some(default) = &self.parent.default else { return Ok(false) };
        let within = self.parent.within(&bounds.from, &bounds.to);
        let look = format!("SELECT 1 WHERE EXISTS (SELECT FROM ONLY {} WHERE {within})", default.name);
        let answer = self.transaction("looking into the default partition", &[look]).await?;
        Ok(ddl::rows(&answer).next().is_some())
    }

    async fn rescue(&mut self, name: &TableName, bounds: &Bounds, wait: bool) -> Result<(), Error> {
        let batch = self.partitions.batch;
        while let Some(sql) = self.parent.rescue(name, bounds, batch, wait) {
            let answer = self.transaction("moving rows out of the default partition", &[sql]).await?;
            let moved = changed(&answer);
            self.report.moved_rows += moved;
            if moved < u64::from(batch) {
                break;
            }
        }
        Ok(())
    }

    async fn give_back(&mut self, left: &TableName) -> Result<(), Error> {
        loop {
            let sql = self.parent.give_back(left, self.partitions.batch);
            let answer = self.transaction("giving rows back", &[sql]).await?;
            let moved = changed(&answer);
            self.report.given_back += moved;
            if moved == 0 {
                break;
            }
        }
        self.transaction("dropping an empty table", &drop_empty(left)).await.map(drop)
    }

    async fn finalize(&mut self, part: Part) -> Result<(), Error> {
        let doing = format!("ending the detachment of {}", part.name);
        self.transaction(&doing, &[self.parent.finalize(&part)]).await?;
        self.report.finalized.push(part.name);
        Ok(())
    }

    async fn detach(&mut self, part: &Part, marked: bool) -> Result<(), Error> {
        let doing = format!("detaching {}", part.name);
        let mark = marked.then(|| self.parent.mark_expired(part));
        if self.parent.default.is_some() {
            let all: Vec<String> = mark.into_iter().chain([self.parent.detach(part)]).collect();
            return self.transaction(&doing, &all).await.map(drop);
        }
        if let Some(mark) = &mark {
            self.transaction(&doing, std::slice::from_ref(mark)).await?;
        }
        let result = self.detach_concurrently(&doing, part).await;
        if result.is_err() && mark.is_some() && !self.client.is_closed() && !self.is_pending(part).await? {
            // Whoever detaches it by hand some day must not have it dropped.
            self.transaction(&doing, &[format!("COMMENT ON TABLE {} IS NULL", part.name)]).await?;
        }
        result
    }

    async fn detach_concurrently(&self, doing: &str, part: &Part) -> Result<(), Error> {
        for nth in 0..self.partitions.retry.tries {
            // Begun, it is ended in the end: it waits for those who still read the partition.
            if nth > 0 && self.is_pending(part).await? {
                return self.transaction(doing, &[self.parent.finalize(part)]).await.map(drop);
            }
            // No transaction may hold it, so its time-outs are the session's for the while.
            let session = Session::begin(self.client, self.partitions.retry.lock_timeout).await?;
            let result = self.client.batch_execute(&self.parent.detach(part)).await;
            if !self.client.is_closed() {
                session.end().await?;
            }
            match result {
                Ok(()) => return Ok(()),
                Err(error) if Retry::is_passing(&error) => Retry::back_off(nth).await,
                Err(error) => return Err(Error::step(doing, error)),
            }
        }
        let retry = self.partitions.retry;
        Err(Error::busy(doing, retry.lock_timeout * retry.tries, None))
    }

    async fn is_pending(&self, part: &Part) -> Result<bool, Error> {
        let look = "SELECT 1 FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE i.inhparent = $1 AND n.nspname = $2 AND c.relname = $3 AND i.inhdetachpending";
        let (schema, name) = (part.name.schema(), part.name.name());
        let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
            [(&self.parent.oid, Type::OID), (&schema, Type::TEXT), (&name, Type::TEXT)];
        let pending = self.client.query_typed(look, &params).await;
        Ok(!pending.map_err(|error| Error::step("looking for a pending detachment", error))?.is_empty())
    }

    async fn drop_table(&mut self, name: TableName) -> Result<(), Error> {
        self.transaction(&format!("dropping {name}"), &[format!("DROP TABLE {name}")]).await?;
        self.report.dropped.push(name);
        Ok(())
    }

    async fn transaction(
        &self,
        doing: &str,
        statements: &[String],
    ) -> Result<Vec<SimpleQueryMessage>, Error> {
        ddl::transaction(self.client, self.partitions.retry, doing, statements).await
    }
}

/// A constraint on the default partition that refuses rows, so that it must not outlive its use.
struct Fence<'a> {
    client: &'a Client,
    drop: Option<String>,
}

impl Fence<'_> {
    fn taken_down(mut self) {
        self.drop = None;
    }
}

impl Drop for Fence<'_> {
    fn drop(&mut self) {
        if let Some(drop) = &self.drop {
            // Bounded, since whoever comes after it would wait too.
            ddl::send(self.client, &format!("SET LOCAL lock_timeout = '5s'; {drop}"));
        }
    }
}

/// A name that no relation or type of the schema has: of the table and the period, and a number where that is taken.
pub(super) async fn free_name(
    client: &Client,
    parent: &TableName,
    suffix: &str,
    given: &[TableName],
) -> Result<TableName, Error> {
    let look = "SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname = $1 AND (
            EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname = $2)
            OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.typnamespace = n.oid AND t.typname = $2))";
    let schema = parent.schema();
    for nth in 1..=1000 {
        let suffix = if nth == 1 { suffix.to_owned() } else { format!("{suffix}_{nth}") };
        let name = short_name(parent.name(), &suffix);
        let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&schema, Type::TEXT), (&name, Type::TEXT)];
        let taken = client.query_typed(look, &params).await;
        let taken = taken.map_err(|error| Error::step("looking for a free name", error))?;
        let name = TableName::new(schema, name);
        if taken.is_empty() && !given.contains(&name) {
            return Ok(name);
        }
    }
    Err(Error::unfit(format!(
        "the schema {} has a thousand tables that are named as {parent}{suffix}",
        Ident(schema)
    )))
}

/// How many rows the statements of an answer have inserted.
fn changed(answer: &[SimpleQueryMessage]) -> u64 {
    let count = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::CommandComplete(count) => *count,
        _ => 0,
    };
    answer.iter().map(count).sum()
}
