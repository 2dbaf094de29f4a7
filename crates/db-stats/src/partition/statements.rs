//! The statements of each step, as they are shown and as they are run.

use super::{
    calendar::Range,
    catalog::{FENCE, Mark, Parent, Part},
};
use crate::{
    TableName,
    sql::{Ident, Literal},
};

/// What an attachment takes along out of the default partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rescue {
    /// Nothing can be moved, or nothing is there.
    None,
    /// What came in just now, if anything.
    Quiet,
    /// What keeps coming in.
    Busy,
}

/// A range with its bounds in words.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) range: Range,
    pub(super) from: String,
    pub(super) to: String,
}

impl Parent {
    /// The new table, by itself: no lock on its parent but that of a reader.
    pub(super) fn stage(&self, name: &TableName, bounds: &Bounds) -> Vec<String> {
        let within = self.within(&bounds.from, &bounds.to);
        let space = self.tablespace.as_ref().map(|space| format!(" TABLESPACE {}", Ident(space)));
        let create = format!(
            "CREATE TABLE {name} (LIKE {} INCLUDING ALL EXCLUDING IDENTITY, CONSTRAINT {} CHECK ({within})){}",
            self.name,
            Ident(&own()),
            space.unwrap_or_default()
        );
        let mark = Mark::Staged(bounds.range).text(self.oid);
        let mut statements = vec![create];
        if !self.owner.is_empty() {
            statements.push(format!("ALTER TABLE {name} OWNER TO {}", Ident(&self.owner)));
        }
        statements.push(format!("COMMENT ON TABLE {name} IS {}", Literal(&mark)));
        statements
    }

    /// What is left in the default partition goes along, under its lock.
    ///
    /// A writer who has chosen the default partition before, and gets its lock after, is refused by the server. Where
    /// rows of the range are coming in, writers are therefore held before they choose.
    pub(super) fn attach(&self, name: &TableName, bounds: &Bounds, rescue: Rescue) -> Vec<String> {
        let mut statements = Vec::new();
        if let Some(default) = self.default.as_ref().filter(|_| rescue != Rescue::None) {
            let mode = if rescue == Rescue::Busy { "SHARE ROW EXCLUSIVE" } else { "SHARE UPDATE EXCLUSIVE" };
            statements.push(format!("LOCK TABLE ONLY {} IN {mode} MODE", self.name));
            statements.push(format!("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE", default.name));
            let within = self.within(&bounds.from, &bounds.to);
            statements.push(self.moved(&default.name, name, &within));
        }
        let (from, to) = (Literal(&bounds.from), Literal(&bounds.to));
        statements.extend([
            format!("ALTER TABLE {} ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to})", self.name),
            format!("ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {}", Ident(&own())),
            format!("COMMENT ON TABLE {name} IS NULL"),
        ]);
        statements
    }

    /// So many rows out of the default partition; those that somebody has locked stay unless they are waited for.
    pub(super) fn rescue(&self, name: &TableName, bounds: &Bounds, batch: u32, wait: bool) -> Option<String> {
        let default = &self.default.as_ref()?.name;
        let within = self.within(&bounds.from, &bounds.to);
        let locked = if wait { "" } else { " SKIP LOCKED" };
        let some = format!(
            "ctid = ANY (ARRAY(SELECT ctid FROM ONLY {default} WHERE {within} LIMIT {batch} FOR UPDATE{locked}))"
        );
        Some(self.moved(default, name, &some))
    }

    /// So many rows of a table that was left go where they belong today.
    pub(super) fn give_back(&self, left: &TableName, batch: u32) -> String {
        let some = format!("ctid = ANY (ARRAY(SELECT ctid FROM ONLY {left} LIMIT {batch} FOR UPDATE))");
        self.moved(left, &self.name, &some)
    }

    /// One statement, so that a row is in one of the two for everybody at any time.
    fn moved(&self, from: &TableName, to: &TableName, condition: &str) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| Ident(column).to_string()).collect();
        let columns = columns.join(", ");
        format!(
            "WITH gone AS (DELETE FROM ONLY {from} WHERE {condition} RETURNING {columns}) \
             INSERT INTO {to} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM gone"
        )
    }

    /// Tells the server beforehand that no row of the range is in the default partition.
    pub(super) fn fence(&self, bounds: &Bounds) -> Option<(String, String, String)> {
        let default = &self.default.as_ref()?.name;
        let Range { from, to } = bounds.range;
        let name = format!("{FENCE}{from}_{to}");
        let without = self.without(&bounds.from, &bounds.to);
        Some((
            format!("ALTER TABLE ONLY {default} ADD CONSTRAINT {} CHECK ({without}) NOT VALID", Ident(&name)),
            format!("ALTER TABLE ONLY {default} VALIDATE CONSTRAINT {}", Ident(&name)),
            format!("ALTER TABLE ONLY {default} DROP CONSTRAINT IF EXISTS {}", Ident(&name)),
        ))
    }

    pub(super) fn unfence(&self) -> Vec<String> {
        let Some(default) = &self.default else { return Vec::new() };
        let drop = |name: &String| {
            format!("ALTER TABLE ONLY {} DROP CONSTRAINT IF EXISTS {}", default.name, Ident(name))
        };
        default.fences.iter().map(drop).collect()
    }

    pub(super) fn finalize(&self, part: &Part) -> String {
        format!("ALTER TABLE {} DETACH PARTITION {} FINALIZE", self.name, part.name)
    }

    /// Marked before it is detached, so that it is known as one to be dropped if that comes later.
    pub(super) fn mark_expired(&self, part: &Part) -> String {
        let mark = Mark::Expired(part.range.to).text(self.oid);
        format!("COMMENT ON TABLE {} IS {}", part.name, Literal(&mark))
    }

    pub(super) fn detach(&self, part: &Part) -> String {
        let how = if self.default.is_some() { "" } else { " CONCURRENTLY" };
        format!("ALTER TABLE {} DETACH PARTITION {}{how}", self.name, part.name)
    }
}

/// Dropped only if it is empty: else the division fails, and with it the transaction.
pub(super) fn drop_empty(name: &TableName) -> Vec<String> {
    vec![
        format!("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"),
        format!("SELECT 1 / (CASE WHEN EXISTS (SELECT FROM {name}) THEN 0 ELSE 1 END)"),
        format!("DROP TABLE {name}"),
    ]
}

/// The constraint that spares the new table the check of its rows at the attachment.
fn own() -> String {
    format!("{FENCE}own")
}
