use super::{super::advice::Name, Column, Part, Session, relations::OF_PEOPLE};
use crate::Error;
use std::collections::HashMap;

/// Columns by the oid of their table, in the order of their numbers.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Columns(pub(in super::super) HashMap<i64, Vec<Column>>);

impl Columns {
    pub(in super::super) fn of(&self, table: i64) -> &[Column] {
        self.0.get(&table).map_or(&[], Vec::as_slice)
    }

    pub(in super::super) fn get(&self, table: i64, number: i64) -> Option<&Column> {
        self.of(table).iter().find(|column| column.number == number)
    }

    pub(in super::super) fn named(&self, table: i64, name: &str) -> Option<&Column> {
        self.of(table).iter().find(|column| column.name == name)
    }
}

pub(super) async fn columns(session: &mut Session<'_>) -> Result<Part<Columns>, Error> {
    let sql = format!(
        "SELECT c.oid::int8, a.attnum::int8, a.attname::text, t.typname::text, s.null_frac::float8, s.avg_width,
                s.n_distinct::float8 /* perfect21 advisor */
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
         JOIN pg_type t ON t.oid = a.atttypid
         LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
              AND s.inherited = (c.relkind = 'p')
         WHERE c.relkind IN ('r', 'm', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND {OF_PEOPLE}
         ORDER BY c.oid, a.attnum"
    );
    let read = session.part("columns", &sql, |f| {
        let table = f.next::<i64>()?;
        let (number, name, type_name) = (f.next()?, f.next()?, f.next()?);
        let (nulls, width, distinct): (Option<f64>, Option<i32>, Option<f64>) =
            (f.next()?, f.next()?, f.next()?);
        let statistics =
            nulls.zip(width).zip(distinct).map(|((nulls, width), distinct)| (nulls, width, distinct));
        Ok((table, Column { number, name, type_name, statistics }))
    });
    Ok(read.await?.map(|rows| {
        let mut columns = Columns::default();
        for (table, column) in rows {
            columns.0.entry(table).or_default().push(column);
        }
        columns
    }))
}

#[derive(Debug, Clone, Default)]
pub(in super::super) struct ForeignKey {
    pub(in super::super) name: String,
    pub(in super::super) table: i64,
    pub(in super::super) table_name: Name,
    pub(in super::super) referenced: Name,
    pub(in super::super) columns: Vec<i64>,
    pub(in super::super) column_names: Vec<String>,
}

pub(super) async fn foreign_keys(session: &mut Session<'_>) -> Result<Part<Vec<ForeignKey>>, Error> {
    let sql = format!(
        "SELECT k.conname::text, k.conrelid::int8, n.nspname::text, c.relname::text, rn.nspname::text, r.relname::text,
                k.conkey::int8[], ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, o)
                    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o)
                /* perfect21 advisor */
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
         WHERE k.contype = 'f' AND k.conparentid = 0 AND {OF_PEOPLE} ORDER BY k.oid"
    );
    let read = session.part("foreign keys", &sql, |f| {
        Ok(ForeignKey {
            name: f.next()?,
            table: f.next()?,
            table_name: Name::read(f)?,
            referenced: Name::read(f)?,
            columns: f.next()?,
            column_names: f.next()?,
        })
    });
    read.await
}

/// A constraint that old rows may break.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Constraint {
    pub(in super::super) name: String,
    pub(in super::super) table: Name,
    pub(in super::super) kind: String,
}

pub(super) async fn invalid_constraints(
    session: &mut Session<'_>,
    version: i32,
) -> Result<Part<Vec<Constraint>>, Error> {
    // What is not enforced cannot be validated.
    let enforced = if version >= 180_000 { "AND k.conenforced" } else { "" };
    let sql = format!(
        "SELECT k.conname::text, n.nspname::text, c.relname::text,
                CASE k.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' ELSE 'not null' END
                /* perfect21 advisor */
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE NOT k.convalidated AND k.contype IN ('c', 'f', 'n') AND k.conparentid = 0 {enforced} AND {OF_PEOPLE}
         ORDER BY k.oid"
    );
    let read = session.part("constraints", &sql, |f| {
        Ok(Constraint { name: f.next()?, table: Name::read(f)?, kind: f.next()? })
    });
    read.await
}

/// A sequence and a column that it feeds.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Sequence {
    pub(in super::super) name: Name,
    /// `None` where it was not used yet, or may not be read.
    pub(in super::super) last: Option<i64>,
    pub(in super::super) max: i64,
    pub(in super::super) type_name: String,
    /// Table, column and its type.
    pub(in super::super) feeds: Option<(Name, String, String)>,
}

pub(super) async fn sequences(session: &mut Session<'_>) -> Result<Part<Vec<Sequence>>, Error> {
    // A column is fed by the sequence that it owns, or that its default calls.
    let sql = format!(
        "WITH feeds AS (
             SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS number FROM pg_depend d
             WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
               AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
             UNION SELECT d.refobjid, f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
             WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass)
         SELECT n.nspname::text, c.relname::text,
                CASE WHEN has_sequence_privilege(q.seqrelid, 'USAGE, SELECT') THEN pg_sequence_last_value(q.seqrelid) END,
                q.seqmax, format_type(q.seqtypid, NULL), fn.nspname::text, fc.relname::text, a.attname::text,
                format_type(a.atttypid, NULL) /* perfect21 advisor */
         FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN feeds f ON f.sequence = q.seqrelid
         LEFT JOIN pg_class fc ON fc.oid = f.relation LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace
         LEFT JOIN pg_attribute a ON a.attrelid = f.relation AND a.attnum = f.number
         WHERE q.seqincrement > 0 AND NOT q.seqcycle AND {OF_PEOPLE} ORDER BY c.oid, fc.oid, a.attnum"
    );
    let read = session.part("sequences", &sql, |f| {
        let (name, last, max, type_name) = (Name::read(f)?, f.next()?, f.next()?, f.next()?);
        let schema: Option<String> = f.next()?;
        let table: Option<String> = f.next()?;
        let column: Option<(String, String)> = f.next::<Option<String>>()?.zip(f.next::<Option<String>>()?);
        let feeds = schema
            .zip(table)
            .zip(column)
            .map(|((schema, name), (column, kind))| (Name { schema, name }, column, kind));
        Ok(Sequence { name, last, max, type_name, feeds })
    });
    read.await
}
