//! The partitioned table as the server has it.

use super::calendar::{Kind, Range};
use crate::{
    TableName,
    ddl::rows,
    error::Error,
    sql::{Ident, Literal},
};
use tokio_postgres::{Client, Row, SimpleQueryRow, types::Type};

/// More are not read: the server itself slows down well before.
const MAX_PARTITIONS: usize = 50_000;
/// More tables that were left half made are taken care of by the next runs.
const MAX_LEFT: usize = 1000;

#[derive(Debug)]
pub(super) struct Parent {
    pub(super) oid: u32,
    pub(super) name: TableName,
    pub(super) column: String,
    pub(super) kind: Kind,
    /// What is appended to the making of a table so that it is like its parent.
    pub(super) owner: String,
    pub(super) tablespace: Option<String>,
    /// The columns that rows are moved by.
    pub(super) columns: Vec<String>,
    pub(super) default: Option<DefaultPart>,
    /// By range.
    pub(super) parts: Vec<Part>,
    pub(super) left: Vec<Left>,
}

#[derive(Debug)]
pub(super) struct DefaultPart {
    pub(super) name: TableName,
    pub(super) bytes: u64,
    /// Constraints that were put there for the time of one attachment.
    pub(super) fences: Vec<String>,
    /// Why its rows cannot be moved without a change that others see, if so.
    pub(super) fixed: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: TableName,
    pub(super) range: Range,
    pub(super) pending: bool,
    /// An ordinary or partitioned table, not a foreign one.
    pub(super) ordinary: bool,
}

/// A table of ours that is not attached.
#[derive(Debug, Clone)]
pub(super) struct Left {
    pub(super) name: TableName,
    pub(super) mark: Mark,
    pub(super) empty: bool,
}

/// What a table's comment says of it, so that it is known again after a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// To be attached for this range.
    Staged(Range),
    /// To be dropped, since it ended then.
    Expired(i64),
}

impl Mark {
    pub(super) fn text(self, parent: u32) -> String {
        match self {
            Self::Staged(Range { from, to }) => {
                format!("perfect21 partition of {parent}, staged {from} {to}")
            }
            Self::Expired(to) => format!("perfect21 partition of {parent}, expired {to}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(", ").nth(1)?.split(' ').collect();
        match *words.as_slice() {
            ["staged", from, to] => {
                Some(Self::Staged(Range { from: from.parse().ok()?, to: to.parse().ok()? }))
            }
            ["expired", to] => Some(Self::Expired(to.parse().ok()?)),
            _ => None,
        }
    }
}

/// What fences begin with.
pub(super) const FENCE: &str = "perfect21_fence_";

pub(super) async fn read(client: &Client, table: &TableName) -> Result<Parent, Error> {
    let mut parent = head(client, table).await?;
    let step = |error| Error::step("reading the partitions", error);
    // Bounds are kept as expressions; what the server prints of them is read back by itself, in one zone and style.
    let sql = format!(
        "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'; SET LOCAL statement_timeout = '60s'; {}",
        bounds(parent.oid, parent.kind)
    );
    let answer = client.simple_query(&sql).await.map_err(step)?;
    parent.parts = rows(&answer).filter_map(part).collect();
    if parent.parts.len() > MAX_PARTITIONS {
        return Err(Error::unfit(format!("the table {table} has more than {MAX_PARTITIONS} partitions")));
    }
    parent.parts.sort_by_key(|part| part.range);
    parent.left = left(client, &parent).await?;
    Ok(parent)
}

const HEAD: &str = "SELECT c.oid, c.relkind::text AS kind, coalesce(p.partstrat::text, '') AS strategy,
        coalesce(p.partnatts, 0::int2) AS keys, a.attname::text AS attname, coalesce(a.atttypid, 0::oid) AS type,
        pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_name,
        pg_catalog.pg_get_userbyid(c.relowner)::text AS owner, current_user::text AS role,
        pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owns,
        pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS creates, t.spcname::text AS tablespace,
        coalesce(p.partdefid, 0::oid) AS default_oid,
        ARRAY(SELECT x.attname::text FROM pg_catalog.pg_attribute x WHERE x.attrelid = c.oid AND x.attnum > 0
              AND NOT x.attisdropped AND x.attgenerated = '' ORDER BY x.attnum) AS columns
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0] AND a.attnum > 0
    LEFT JOIN pg_catalog.pg_tablespace t ON t.oid = c.reltablespace
    WHERE n.nspname = $1 AND c.relname = $2";

async fn head(client: &Client, table: &TableName) -> Result<Parent, Error> {
    let step = |error| Error::step("reading the partitioned table", error);
    let (schema, name) = (table.schema(), table.name());
    let found =
        client.query_typed(HEAD, &[(&schema, Type::TEXT), (&name, Type::TEXT)]).await.map_err(step)?;
    let Some(row) = found.first() else {
        return Err(Error::unfit(format!(
            "there is no table {table}; schema and name are taken as they are, without folding"
        )));
    };
    let (column, kind) = key(row, table)?;
    let (owner, role): (String, &str) = (row.get("owner"), row.get("role"));
    if !row.get::<_, bool>("owns") {
        return Err(Error::unfit(format!(
            "the role {role} does not own {table}; it has to be {owner}, or a member of it"
        )));
    }
    if !row.get::<_, bool>("creates") {
        return Err(Error::unfit(format!(
            "the role {role} must have CREATE on the schema {}",
            Ident(schema)
        )));
    }
    let owner = if owner == role { String::new() } else { owner };
    let oid = row.get("oid");
    let default = default(client, oid, row.get("default_oid")).await?;
    let (name, tablespace, columns) = (table.clone(), row.get("tablespace"), row.get("columns"));
    Ok(Parent {
        oid,
        name,
        column,
        kind,
        owner,
        tablespace,
        columns,
        default,
        parts: Vec::new(),
        left: Vec::new(),
    })
}

/// The one column by whose ranges the table is partitioned.
fn key(row: &Row, table: &TableName) -> Result<(String, Kind), Error> {
    if row.get::<_, &str>("kind") != "p" {
        return Err(Error::unfit(format!(
            "{table} is not partitioned; it has to be created with PARTITION BY RANGE"
        )));
    }
    let (strategy, keys): (&str, i16) = (row.get("strategy"), row.get("keys"));
    let Some(column) = row.get::<_, Option<String>>("attname").filter(|_| strategy == "r" && keys == 1)
    else {
        return Err(Error::unfit(format!(
            "{table} is not partitioned BY RANGE of one column, which it has to be: not of several, nor of an expression, list or hash"
        )));
    };
    match Type::from_oid(row.get("type")) {
        Some(Type::TIMESTAMPTZ) => Ok((column, Kind::Timestamptz)),
        Some(Type::TIMESTAMP) => Ok((column, Kind::Timestamp)),
        Some(Type::DATE) => Ok((column, Kind::Date)),
        _ => Err(Error::unfit(format!(
            "the key {} of {table} is of type {}; it has to be timestamptz, timestamp or date",
            Ident(&column),
            row.get::<_, String>("type_name")
        ))),
    }
}

async fn default(client: &Client, parent: u32, oid: u32) -> Result<Option<DefaultPart>, Error> {
    let look = "SELECT n.nspname::text, c.relname::text, pg_catalog.pg_table_size(c.oid), c.relkind::text,
            ARRAY(SELECT k.conname::text FROM pg_catalog.pg_constraint k
                  WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conname LIKE $2 LIMIT 100),
            (SELECT k.conname::text FROM pg_catalog.pg_constraint k
                  WHERE k.contype = 'f' AND k.confrelid IN ($3, c.oid) LIMIT 1),
            (SELECT t.tgname::text FROM pg_catalog.pg_trigger t
                  WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgtype & 8 <> 0 AND t.tgenabled <> 'D' LIMIT 1)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1";
    let like = format!("{}%", FENCE.replace('_', "\\_"));
    let found =
        client.query_typed(look, &[(&oid, Type::OID), (&like, Type::TEXT), (&parent, Type::OID)]).await;
    let found = found.map_err(|error| Error::step("reading the default partition", error))?;
    Ok(found.first().map(|row| {
        let fixed =
            match (row.get::<_, &str>(3), row.get::<_, Option<String>>(5), row.get::<_, Option<String>>(6)) {
                ("r", None, None) => None,
                (_, Some(key), _) => {
                    Some(format!("the foreign key {} that points to it would see them deleted", Ident(&key)))
                }
                (_, _, Some(trigger)) => {
                    Some(format!("its trigger {} would see them deleted", Ident(&trigger)))
                }
                (..) => Some("it is not an ordinary table".to_owned()),
            };
        DefaultPart {
            name: TableName::new(row.get::<_, String>(0), row.get::<_, String>(1)),
            bytes: row.get::<_, i64>(2).unsigned_abs(),
            fences: row.get(4),
            fixed,
        }
    }))
}

/// One row a partition with bounds; infinite ones are the ends of what 64 bits hold.
fn bounds(oid: u32, kind: Kind) -> String {
    let (least, most) = (i64::MIN, i64::MAX);
    let bound = |nth: u8| {
        let value = format!("pg_catalog.btrim(b[{nth}], '''')::pg_catalog.{}", kind.type_name());
        format!(
            "CASE WHEN b[{nth}] = 'MINVALUE' THEN '{least}' WHEN b[{nth}] = 'MAXVALUE' THEN '{most}'
             WHEN pg_catalog.isfinite({value}) THEN
                pg_catalog.round(greatest(least(extract(epoch FROM {value}) * 1000000, 9e18), -9e18))::text
             WHEN b[{nth}] LIKE '%-infinity%' THEN '{least}' ELSE '{most}' END"
        )
    };
    format!(
        "SELECT n.nspname, c.relname, i.inhdetachpending, c.relkind IN ('r', 'p'), {}, {}
         FROM pg_catalog.pg_inherits i
         JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         CROSS JOIN LATERAL pg_catalog.regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid),
            '^FOR VALUES FROM \\((.*)\\) TO \\((.*)\\)$') b
         WHERE i.inhparent = {oid} AND b IS NOT NULL LIMIT {}",
        bound(1),
        bound(2),
        MAX_PARTITIONS + 1
    )
}

fn part(row: &SimpleQueryRow) -> Option<Part> {
    Some(Part {
        name: TableName::new(row.get(0)?, row.get(1)?),
        range: Range { from: row.get(4)?.parse().ok()?, to: row.get(5)?.parse().ok()? },
        pending: row.get(2)? == "t",
        ordinary: row.get(3)? == "t",
    })
}

/// Tables that a run which did not come to its end has left, known by their comment and their owner.
async fn left(client: &Client, parent: &Parent) -> Result<Vec<Left>, Error> {
    let look = "SELECT n.nspname::text, c.relname::text, d.description
        FROM pg_catalog.pg_description d
        JOIN pg_catalog.pg_class c ON c.oid = d.objoid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid = 0
          AND pg_catalog.starts_with(d.description, $1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relowner = (SELECT p.relowner FROM pg_catalog.pg_class p WHERE p.oid = $2)
        ORDER BY c.oid LIMIT $3";
    let (begin, most) = (format!("perfect21 partition of {}, ", parent.oid), MAX_LEFT.cast_signed() as i64);
    let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&begin, Type::TEXT), (&parent.oid, Type::OID), (&most, Type::INT8)];
    let step = |error| Error::step("looking for tables that were left", error);
    let mut left = Vec::new();
    for row in client.query_typed(look, &params).await.map_err(step)? {
        let Some(mark) = Mark::parse(row.get(2)) else { continue };
        let name = TableName::new(row.get::<_, String>(0), row.get::<_, String>(1));
        let any = client
            .query_typed(&format!("SELECT EXISTS (SELECT FROM ONLY {name})"), &[])
            .await
            .map_err(step)?;
        let empty = any.first().is_some_and(|row| !row.get::<_, bool>(0));
        left.push(Left { name, mark, empty });
    }
    Ok(left)
}

impl Parent {
    /// A condition that holds for the rows of a range, with the key's bounds as constants of its type.
    pub(super) fn within(&self, from: &str, to: &str) -> String {
        let (column, kind) = (Ident(&self.column), self.kind.type_name());
        format!(
            "{column} IS NOT NULL AND {column} OPERATOR(pg_catalog.>=) {}::pg_catalog.{kind} \
             AND {column} OPERATOR(pg_catalog.<) {}::pg_catalog.{kind}",
            Literal(from),
            Literal(to)
        )
    }

    /// The opposite, in the form in which the server sees that it follows from the default partition's own.
    pub(super) fn without(&self, from: &str, to: &str) -> String {
        let (column, kind) = (Ident(&self.column), self.kind.type_name());
        format!(
            "{column} IS NULL OR {column} OPERATOR(pg_catalog.<) {}::pg_catalog.{kind} \
             OR {column} OPERATOR(pg_catalog.>=) {}::pg_catalog.{kind}",
            Literal(from),
            Literal(to)
        )
    }
}
