//! Tables and indexes as the server has them, and what it makes of a description.

use super::definition::{How, Index};
use crate::{
    TableName,
    ddl::rows,
    error::Error,
    sql::{Ident, Literal},
};
use tokio_postgres::{Client, types::Type};

/// More indexes of one table are not read.
const MAX_INDEXES: i64 = 10_000;

/// All by which two indexes can differ, as text: method, uniqueness, keys with their classes, collations and order,
/// predicate. Columns are there by name, so that it is the same on a copy of the table, and on its partitions.
const SIGNATURE: &str =
    "pg_catalog.concat_ws(E'\\n', am.amname, i.indisunique, i.indnkeyatts, i.indclass::text,
    i.indcollation::text, i.indoption::text, pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct',
    ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, k, false)
          FROM pg_catalog.generate_series(1, i.indnatts::int4) k)::text,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid))";

#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) oid: u32,
    pub(super) name: TableName,
    pub(super) partitioned: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) oid: u32,
    pub(super) name: String,
    pub(super) valid: bool,
    pub(super) signature: String,
    pub(super) definition: String,
    /// Of a constraint, or of a partitioned table's index: neither is anybody's own.
    pub(super) bound: bool,
    pub(super) parent: Option<u32>,
}

pub(super) async fn table(client: &Client, name: &TableName) -> Result<Table, Error> {
    let look = "SELECT c.oid, c.relkind::text, pg_catalog.pg_has_role(c.relowner, 'USAGE'),
            pg_catalog.has_schema_privilege(n.oid, 'CREATE'), current_user::text,
            pg_catalog.pg_get_userbyid(c.relowner)::text
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2";
    let (schema, table) = (name.schema(), name.name());
    let found = client.query_typed(look, &[(&schema, Type::TEXT), (&table, Type::TEXT)]).await;
    let found = found.map_err(|error| Error::step("reading the table", error))?;
    let Some(row) = found.first() else {
        return Err(Error::unfit(format!(
            "there is no table {name}; schema and name are taken as they are, without folding"
        )));
    };
    let kind: &str = row.get(1);
    if !["r", "p", "m"].contains(&kind) {
        return Err(Error::unfit(format!("{name} is not a table, and cannot have indexes")));
    }
    if !row.get::<_, bool>(2) {
        let (role, owner): (&str, &str) = (row.get(4), row.get(5));
        return Err(Error::unfit(format!(
            "the role {role} does not own {name}; it has to be {owner}, or a member of it"
        )));
    }
    if !row.get::<_, bool>(3) {
        let role: &str = row.get(4);
        return Err(Error::unfit(format!(
            "the role {role} must have CREATE on the schema {}",
            Ident(schema)
        )));
    }
    Ok(Table { oid: row.get(0), name: name.clone(), partitioned: kind == "p" })
}

pub(super) async fn indexes(client: &Client, table: u32) -> Result<Vec<Found>, Error> {
    let look = format!(
        "SELECT i.indexrelid, c.relname::text, i.indisvalid AND i.indisready, {SIGNATURE},
            pg_catalog.pg_get_indexdef(i.indexrelid), h.inhparent,
            EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid)
         FROM pg_catalog.pg_index i
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
         JOIN pg_catalog.pg_am am ON am.oid = c.relam
         LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = i.indexrelid
         WHERE i.indrelid = $1 ORDER BY i.indexrelid LIMIT {MAX_INDEXES}"
    );
    let found = client.query_typed(&look, &[(&table, Type::OID)]).await;
    let found = found.map_err(|error| Error::step("reading the indexes", error))?;
    let found = found.iter().map(|row| Found {
        oid: row.get(0),
        name: row.get(1),
        valid: row.get(2),
        signature: row.get(3),
        definition: row.get(4),
        parent: row.get(5),
        bound: row.get::<_, bool>(6) || row.get::<_, Option<u32>>(5).is_some(),
    });
    Ok(found.collect())
}

/// What the server makes of a description, by an index on an empty copy of the table that is gone at the end of its
/// transaction; all in one message, so that nothing is left.
pub(super) async fn signature(client: &Client, index: &Index) -> Result<String, Error> {
    let copy = format!("pg_temp.{}", Ident(index.table().name()));
    let sql = format!(
        "SET LOCAL client_min_messages = 'warning'; CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP; {};
         SELECT {SIGNATURE} FROM pg_catalog.pg_index i
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am am ON am.oid = c.relam
         WHERE i.indrelid = {}::pg_catalog.regclass",
        Ident(index.table().name()),
        index.table(),
        index.create(How::Plainly, None, &copy),
        Literal(&copy),
    );
    let answer = client.simple_query(&sql).await;
    let answer = answer.map_err(|error| Error::step(format!("describing {}", Ident(index.name())), error))?;
    let signature = rows(&answer).next().and_then(|row| row.get(0));
    signature.map(str::to_owned).ok_or_else(|| {
        Error::unfit(format!("the server makes no index of the description of {}", Ident(index.name())))
    })
}

/// Whether a relation of another table, or no index at all, has the name.
pub(super) async fn is_taken(client: &Client, table: &TableName, name: &str) -> Result<bool, Error> {
    let look = "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2";
    let schema = table.schema();
    let found = client.query_typed(look, &[(&schema, Type::TEXT), (&name, Type::TEXT)]).await;
    Ok(!found.map_err(|error| Error::step("looking for a name", error))?.is_empty())
}

/// Whether a session builds this index now; those whose progress we may not see are known by their lock.
pub(super) async fn is_being_built(client: &Client, table: u32, index: u32) -> Result<bool, Error> {
    let look = "SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p
        WHERE p.pid <> pg_catalog.pg_backend_pid() AND (p.index_relid = $2 OR (p.index_relid IS NULL AND EXISTS (
            SELECT FROM pg_catalog.pg_locks l WHERE l.pid = p.pid AND l.relation = $1 AND l.granted)))";
    let found = client.query_typed(look, &[(&table, Type::OID), (&index, Type::OID)]).await;
    Ok(!found.map_err(|error| Error::step("looking for builders", error))?.is_empty())
}

/// The partitions of a table, but for foreign ones, which cannot have indexes.
pub(super) async fn partitions(client: &Client, table: u32) -> Result<Vec<Table>, Error> {
    let look = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind = 'p'
        FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE h.inhparent = $1 AND NOT h.inhdetachpending AND c.relkind IN ('r', 'p') ORDER BY c.oid LIMIT 50000";
    let found = client.query_typed(look, &[(&table, Type::OID)]).await;
    let found = found.map_err(|error| Error::step("reading the partitions", error))?;
    let table = |row: &tokio_postgres::Row| Table {
        oid: row.get(0),
        name: TableName::new(row.get::<_, String>(1), row.get::<_, String>(2)),
        partitioned: row.get(3),
    };
    Ok(found.iter().map(table).collect())
}
