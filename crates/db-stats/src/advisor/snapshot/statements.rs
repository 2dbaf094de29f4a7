use super::{Extension, Part, Session};
use crate::{Error, Fingerprint, StatementStats, sql::Ident};
use std::collections::HashMap;

/// Most statements read, by total time; the shares are of all.
const MAX_STATEMENTS: usize = 1000;

/// What `pg_stat_statements` counted in this database.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Statements {
    /// Most total time first.
    pub(in super::super) all: Vec<Statement>,
    /// Of all, also those that are not in `all`, in milliseconds.
    pub(in super::super) total_ms: f64,
    /// How many statements' counts were given up, for want of room.
    pub(in super::super) dealloc: i64,
    /// Statements whose texts this role may not read.
    pub(in super::super) hidden: usize,
    /// Seconds since the counts began, where it is known.
    pub(in super::super) reset_age: Option<f64>,
}

/// Statements of one fingerprint, together.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Statement {
    pub(in super::super) fingerprint: Fingerprint,
    /// One of the texts, with `$1` for its constants.
    pub(in super::super) text: String,
    pub(in super::super) calls: i64,
    pub(in super::super) total_ms: f64,
    pub(in super::super) max_ms: f64,
    pub(in super::super) rows: i64,
    pub(in super::super) blocks_read: i64,
    pub(in super::super) temp_blocks: i64,
    /// What the client counted itself, if it did.
    pub(in super::super) seen: Option<Seen>,
}

/// A statement as its client sees it: the server keeps no percentiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Seen {
    pub(in super::super) calls: u64,
    /// From sending to the server's answer.
    pub(in super::super) p99_ms: f64,
}

impl Seen {
    fn of(stats: &StatementStats) -> Option<Self> {
        // Those that took longer than a histogram reaches are not among them.
        let p99 = stats.server.quantile(0.99)?;
        Some(Self { calls: stats.server.count(), p99_ms: p99.as_secs_f64() * 1e3 })
    }
}

impl Statements {
    /// Adds what the client counted of the same statements, by the fingerprints of the server's texts.
    pub(in super::super) fn see(&mut self, client: &crate::Statements) {
        for statement in &mut self.all {
            statement.seen = client.get(statement.fingerprint).as_ref().and_then(Seen::of);
        }
    }
}

impl Statement {
    pub(in super::super) fn mean_ms(&self) -> f64 {
        self.total_ms / self.calls.max(1) as f64
    }
}

pub(super) async fn read(
    session: &mut Session<'_>,
    extensions: &[Extension],
) -> Result<Part<Option<Statements>>, Error> {
    let found = extensions.iter().find(|extension| extension.name == "pg_stat_statements");
    let Some((extension, schema)) = found.and_then(|found| Some((found, found.schema.as_deref()?))) else {
        return Ok(Ok(None));
    };
    // Since 1.9: statements within functions are counted by the outer one already.
    let since_1_9 = extension.version() >= (1, 9);
    let top = if since_1_9 { "AND s.toplevel" } else { "" };
    let schema = Ident(schema);
    let sql = format!(
        "SELECT /* perfect21 advisor */ left(s.query, 16384), s.calls, s.total_exec_time, s.max_exec_time, s.rows,
                s.shared_blks_read, s.temp_blks_written, sum(s.total_exec_time) OVER (), s.queryid IS NULL
         FROM {schema}.pg_stat_statements s
         WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) {top}
           AND s.query NOT LIKE '%perfect21_advisor%'
         ORDER BY s.total_exec_time DESC FETCH FIRST {MAX_STATEMENTS} ROWS ONLY"
    );
    // A limit of its own, so the part's is around it.
    let sql = format!("SELECT * FROM ({sql}) AS s");
    let read = session.part("statements", &sql, |f| {
        let text: String = f.next()?;
        let statement = Statement {
            fingerprint: Fingerprint::of(&text),
            text,
            calls: f.next()?,
            total_ms: f.next()?,
            max_ms: f.next()?,
            rows: f.next()?,
            blocks_read: f.next()?,
            temp_blocks: f.next()?,
            seen: None,
        };
        Ok((statement, f.next::<f64>()?, f.next::<bool>()?))
    });
    let rows = match read.await? {
        Ok(rows) => rows,
        Err(unread) => return Ok(Err(unread)),
    };
    let (mut dealloc, mut reset_age) = (0, None);
    if since_1_9 {
        let sql = format!(
            "SELECT dealloc, extract(epoch FROM now() - stats_reset)::float8 /* perfect21 advisor */
             FROM {schema}.pg_stat_statements_info"
        );
        let info = session.part("statements", &sql, |f| Ok((f.next::<i64>()?, f.next::<Option<f64>>()?)));
        if let Ok(Some((lost, age))) = info.await?.map(|rows| rows.first().copied()) {
            (dealloc, reset_age) = (lost, age);
        }
    }
    let mut statements = gathered(rows);
    (statements.dealloc, statements.reset_age) = (dealloc, reset_age);
    Ok(Ok(Some(statements)))
}

/// The server tells `IN (1)` from `IN (1, 2)`, and one role's call from another's; people do not.
fn gathered(rows: Vec<(Statement, f64, bool)>) -> Statements {
    let mut gathered = Statements::default();
    let mut known: HashMap<Fingerprint, usize> = HashMap::new();
    for (statement, total_ms, is_hidden) in rows {
        gathered.total_ms = total_ms;
        if is_hidden {
            gathered.hidden += 1;
            continue;
        }
        let at = *known.entry(statement.fingerprint).or_insert(gathered.all.len());
        let Some(first) = gathered.all.get_mut(at) else {
            gathered.all.push(statement);
            continue;
        };
        first.calls += statement.calls;
        first.total_ms += statement.total_ms;
        first.max_ms = first.max_ms.max(statement.max_ms);
        first.rows += statement.rows;
        first.blocks_read += statement.blocks_read;
        first.temp_blocks += statement.temp_blocks;
    }
    gathered.all.sort_by(|a, b| b.total_ms.total_cmp(&a.total_ms));
    gathered
}
