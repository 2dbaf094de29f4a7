use super::{super::advice::Name, Part, Session};
use crate::Error;

/// Relations of people: not the system's, not an extension's, not temporary.
pub(super) const OF_PEOPLE: &str = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relpersistence <> 't'
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')";

#[derive(Debug, Clone, Default)]
pub(in super::super) struct Table {
    pub(in super::super) oid: i64,
    pub(in super::super) name: Name,
    pub(in super::super) is_partitioned: bool,
    pub(in super::super) is_partition: bool,
    /// A materialized view.
    pub(in super::super) is_view: bool,
    pub(in super::super) has_primary_key: bool,
    /// As the last `VACUUM` or `ANALYZE` estimated; negative if there was none.
    pub(in super::super) rows: f64,
    pub(in super::super) pages: i64,
    /// `name=value`.
    pub(in super::super) options: Vec<String>,
    /// With that of its TOAST table, whichever is older.
    pub(in super::super) frozen_age: i64,
    pub(in super::super) multixact_age: i64,
    pub(in super::super) live: i64,
    pub(in super::super) dead: i64,
    pub(in super::super) modified: i64,
    /// Rows inserted and updated since the counters began.
    pub(in super::super) written: i64,
    pub(in super::super) was_analyzed: bool,
}

impl Table {
    /// A storage parameter, where it is set.
    pub(in super::super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }

    /// A storage parameter that is a number, or else the server's setting.
    pub(in super::super) fn number(&self, name: &str, server: f64) -> f64 {
        self.option(name).and_then(|value| value.parse().ok()).unwrap_or(server)
    }
}

pub(super) async fn tables(session: &mut Session<'_>) -> Result<Part<Vec<Table>>, Error> {
    let sql = format!(
        "SELECT c.oid::int8, n.nspname::text, c.relname::text, c.relkind = 'p', c.relispartition, c.relkind = 'm',
                EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p'),
                c.reltuples::float8, c.relpages::int8, c.reloptions::text[],
                greatest(CASE WHEN c.relfrozenxid::text <> '0' THEN age(c.relfrozenxid) ELSE 0 END,
                         CASE WHEN t.relfrozenxid::text <> '0' THEN age(t.relfrozenxid) ELSE 0 END)::int8,
                greatest(CASE WHEN c.relminmxid::text <> '0' THEN mxid_age(c.relminmxid) ELSE 0 END,
                         CASE WHEN t.relminmxid::text <> '0' THEN mxid_age(t.relminmxid) ELSE 0 END)::int8,
                coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0), coalesce(s.n_mod_since_analyze, 0),
                coalesce(s.n_tup_ins + s.n_tup_upd, 0),
                coalesce(s.last_analyze, s.last_autoanalyze) IS NOT NULL
                /* perfect21 advisor */
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
         LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
         WHERE c.relkind IN ('r', 'm', 'p') AND {OF_PEOPLE} ORDER BY c.oid"
    );
    let read = session.part("tables", &sql, |f| {
        Ok(Table {
            oid: f.next()?,
            name: Name::read(f)?,
            is_partitioned: f.next()?,
            is_partition: f.next()?,
            is_view: f.next()?,
            has_primary_key: f.next()?,
            rows: f.next()?,
            pages: f.next()?,
            options: f.next::<Option<Vec<String>>>()?.unwrap_or_default(),
            frozen_age: f.next()?,
            multixact_age: f.next()?,
            live: f.next()?,
            dead: f.next()?,
            modified: f.next()?,
            written: f.next()?,
            was_analyzed: f.next()?,
        })
    });
    read.await
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Index {
    pub(in super::super) oid: i64,
    pub(in super::super) table: i64,
    pub(in super::super) table_name: Name,
    pub(in super::super) name: Name,
    pub(in super::super) method: String,
    pub(in super::super) is_unique: bool,
    pub(in super::super) is_valid: bool,
    /// Part of a replica identity, or the order of `CLUSTER`.
    pub(in super::super) is_marked: bool,
    /// Whether a constraint needs it, also a foreign key of another table.
    pub(in super::super) backs_constraint: bool,
    /// Whether it is of a partitioned table.
    pub(in super::super) is_partitioned: bool,
    /// Whether it belongs to an index of a partitioned table.
    pub(in super::super) is_attached: bool,
    /// Whether indexes of its table are being built, or may be: not all is seen without rights.
    pub(in super::super) is_being_built: bool,
    pub(in super::super) key_columns: usize,
    /// Column numbers, the key's first; zero is an expression.
    pub(in super::super) columns: Vec<i64>,
    pub(in super::super) classes: Vec<i64>,
    pub(in super::super) collations: Vec<i64>,
    pub(in super::super) orders: Vec<i64>,
    /// Predicate and expressions as the server keeps them, without where they stood in the text.
    pub(in super::super) predicate: Option<String>,
    pub(in super::super) expressions: Option<String>,
    pub(in super::super) nulls_equal: bool,
    pub(in super::super) scans: i64,
    pub(in super::super) pages: i64,
    pub(in super::super) rows: f64,
    /// `None` while its table is locked.
    pub(in super::super) definition: Option<String>,
}

impl Index {
    /// The columns by which it finds rows.
    pub(in super::super) fn key(&self) -> &[i64] {
        self.columns.get(..self.key_columns).unwrap_or(&self.columns)
    }

    /// Whether it finds all rows by plain columns.
    pub(in super::super) fn is_plain(&self) -> bool {
        self.is_valid && self.predicate.is_none() && self.method == "btree"
    }

    pub(in super::super) fn bytes(&self, block_size: i64) -> i64 {
        self.pages * block_size
    }
}

pub(super) async fn indexes(session: &mut Session<'_>, version: i32) -> Result<Part<Vec<Index>>, Error> {
    let with_definitions = read_indexes(session, version, true).await?;
    match with_definitions {
        // A definition needs a lock on its table, which somebody may have taken since it was asked for.
        Err(_) => read_indexes(session, version, false).await,
        read => Ok(read),
    }
}

async fn read_indexes(
    session: &mut Session<'_>,
    version: i32,
    define: bool,
) -> Result<Part<Vec<Index>>, Error> {
    let nulls_equal = if version >= 150_000 { "i.indnullsnotdistinct" } else { "false" };
    let definition = if define {
        "CASE WHEN l.relation IS NULL THEN pg_get_indexdef(i.indexrelid) END"
    } else {
        "NULL::text"
    };
    let sql = format!(
        "WITH locked AS MATERIALIZED (
             SELECT DISTINCT relation FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND locktype = 'relation'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
         SELECT i.indexrelid::int8, i.indrelid::int8, n.nspname::text, c.relname::text, xn.nspname::text, x.relname::text,
                am.amname::text, i.indisunique, i.indisvalid AND i.indisready, i.indisreplident OR i.indisclustered,
                EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid), x.relkind = 'I',
                EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid),
                EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.datname = current_database()
                        AND (p.relid = i.indrelid OR p.relid IS NULL)),
                i.indnkeyatts::int8, i.indkey::int2[]::int8[], i.indclass::oid[]::int8[], i.indcollation::oid[]::int8[],
                i.indoption::int2[]::int8[], regexp_replace(i.indpred::text, ':location -?[0-9]+', '', 'g'),
                regexp_replace(i.indexprs::text, ':location -?[0-9]+', '', 'g'), {nulls_equal},
                coalesce(pg_stat_get_numscans(i.indexrelid), 0), x.relpages::int8, x.reltuples::float8, {definition}
                /* perfect21 advisor */
         FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace xn ON xn.oid = x.relnamespace
         JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_am am ON am.oid = x.relam LEFT JOIN locked l ON l.relation IN (i.indrelid, i.indexrelid)
         WHERE c.relkind IN ('r', 'm', 'p') AND {OF_PEOPLE} ORDER BY i.indexrelid"
    );
    let read = session.part("indexes", &sql, |f| {
        Ok(Index {
            oid: f.next()?,
            table: f.next()?,
            table_name: Name::read(f)?,
            name: Name::read(f)?,
            method: f.next()?,
            is_unique: f.next()?,
            is_valid: f.next()?,
            is_marked: f.next()?,
            backs_constraint: f.next()?,
            is_partitioned: f.next()?,
            is_attached: f.next()?,
            is_being_built: f.next()?,
            key_columns: usize::try_from(f.next::<i64>()?).unwrap_or_default(),
            columns: f.next()?,
            classes: f.next()?,
            collations: f.next()?,
            orders: f.next()?,
            predicate: f.next()?,
            expressions: f.next()?,
            nulls_equal: f.next()?,
            scans: f.next()?,
            pages: f.next()?,
            rows: f.next()?,
            definition: f.next()?,
        })
    });
    let mut read = read.await?;
    if let Ok(indexes) = &mut read {
        // An index and its table may both be locked.
        indexes.dedup_by_key(|index| index.oid);
    }
    Ok(read)
}

/// A column and what `ANALYZE` knows of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Column {
    pub(in super::super) number: i64,
    pub(in super::super) name: String,
    pub(in super::super) type_name: String,
    pub(in super::super) statistics: Option<(f64, i32, f64)>,
}

impl Column {
    /// How many of `rows` have one value of it, on average.
    pub(in super::super) fn rows_a_value(&self, rows: f64) -> f64 {
        let Some((null_share, _, distinct)) = self.statistics else { return rows * 0.005 };
        let distinct = if distinct < 0.0 { -distinct * rows } else { distinct };
        rows * (1.0 - null_share) / distinct.max(1.0)
    }
}
