//! Triggers by which a table tells when it was written.

use super::{QueryCache, catalog::TRIGGER};
use crate::{
    error::Error,
    sql::{Ident, Literal},
};
use tokio_postgres::Client;

/// Of all writers that want to change triggers one does, and the function is made once.
const LOCK: &str = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('perfect21_query_cache'))";

/// The table, and the partitions below: a statement fires the triggers of the table that it names.
const FAMILY: &str = "\
    WITH RECURSIVE family(oid) AS ( \
      SELECT pg_catalog.to_regclass($1)::oid UNION \
      SELECT i.inhrelid FROM family JOIN pg_catalog.pg_inherits i ON i.inhparent = family.oid) \
    SELECT n.nspname::text, c.relname::text, \
      EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = $2) \
    FROM family JOIN pg_catalog.pg_class c ON c.oid = family.oid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'f') ORDER BY c.oid";

impl QueryCache {
    /// Has these tables, and partitions of them that there are now, tell of every write: of all that a statement writes
    /// once, at the commit. Names as in SQL, with their schema or found by the search path.
    ///
    /// It makes a function `perfect21_query_cache()` in the schema of each table, and a trigger of the same name on the
    /// table, which also fires for replicated changes. Where they are already nothing is changed. Each takes a lock that
    /// writers wait for, for an instant; it is given up after 2 s (`55P03`), with nothing changed.
    ///
    /// Every commit that wrote such a table then takes a lock of the whole server for its notice, about as long as its
    /// flush: not for tables that are written thousands of times a second.
    ///
    /// # Errors
    /// [`NoTable`](crate::ErrorKind::NoTable), and `42501` without the right to make triggers there: for who has it,
    /// [`watch_sql`](Self::watch_sql) says what to run.
    ///
    /// # Cancel safety
    /// Dropped before its end, all is done or nothing.
    pub async fn watch(&self, tables: &[&str]) -> Result<(), Error> {
        self.change(tables, |schema, table, there| if there { String::new() } else { create(schema, table) })
            .await
    }

    /// Takes back what [`watch`](Self::watch) made on these tables; the function stays.
    ///
    /// # Errors
    /// As [`watch`](Self::watch).
    ///
    /// # Cancel safety
    /// As [`watch`](Self::watch).
    pub async fn unwatch(&self, tables: &[&str]) -> Result<(), Error> {
        let drop = |schema: &str, table: &str, there| {
            let (schema, table) = (Ident(schema), Ident(table));
            if there { format!("DROP TRIGGER {TRIGGER} ON {schema}.{table};") } else { String::new() }
        };
        self.change(tables, drop).await
    }

    /// What [`watch`](Self::watch) runs for one table, to be put into a migration.
    #[must_use]
    pub fn watch_sql(schema: &str, table: &str) -> String {
        create(schema, table)
    }

    async fn change(&self, tables: &[&str], make: impl Fn(&str, &str, bool) -> String) -> Result<(), Error> {
        let source = &self.inner.source;
        let mut connection = source.pool.get().await?;
        let mut transaction = connection.transaction().await?;
        transaction.control("SET LOCAL lock_timeout = '2s'").await?;
        transaction.control(LOCK).await?;
        for table in tables {
            let family = transaction.aside(async |client| family(client, table).await).await?;
            if family.is_empty() {
                return Err(Error::no_table(table));
            }
            for (schema, table, there) in family {
                let sql = make(&schema, &table, there);
                if !sql.is_empty() {
                    transaction.control(&sql).await?;
                }
            }
        }
        transaction.commit().await?;
        drop(connection);
        let version = source.catalog_version();
        let read = source.pool.get().await?.aside(super::catalog::Catalog::read).await?;
        source.set_catalog(read, version);
        Ok(())
    }
}

async fn family(client: &Client, table: &str) -> Result<Vec<(String, String, bool)>, tokio_postgres::Error> {
    let rows = client.query(FAMILY, &[&table, &TRIGGER]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

fn create(schema: &str, table: &str) -> String {
    let (schema, table, channel) = (Ident(schema), Ident(table), Literal(TRIGGER));
    format!(
        "CREATE OR REPLACE FUNCTION {schema}.{TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         PERFORM pg_catalog.pg_notify({channel}, TG_RELID::pg_catalog.text); RETURN NULL; END $$;\n\
         CREATE TRIGGER {TRIGGER} AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {schema}.{table} \
         FOR EACH STATEMENT EXECUTE FUNCTION {schema}.{TRIGGER}();\n\
         ALTER TABLE {schema}.{table} ENABLE ALWAYS TRIGGER {TRIGGER};"
    )
}
