use super::{Part, Session};
use crate::{Error, sql::Literal};

/// What the whole server says of itself.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Server {
    /// As `server_version_num`: 150018.
    pub(in super::super) version: i32,
    pub(in super::super) database: String,
    pub(in super::super) role: String,
    /// Whether sessions and statements of others are seen.
    pub(in super::super) sees_all: bool,
    pub(in super::super) block_size: i64,
    pub(in super::super) max_connections: i64,
    pub(in super::super) reserved_connections: i64,
    pub(in super::super) autovacuum: bool,
    pub(in super::super) vacuum_threshold: f64,
    pub(in super::super) vacuum_scale: f64,
    pub(in super::super) analyze_threshold: f64,
    pub(in super::super) analyze_scale: f64,
    pub(in super::super) random_page_cost: f64,
    /// Whether the library of `pg_stat_statements` is loaded.
    pub(in super::super) statements_loaded: bool,
    /// `shared_preload_libraries`, where it may be read.
    pub(in super::super) preloaded: Option<String>,
    /// Schemas in which a name without one is looked up, in order.
    pub(in super::super) path: Vec<String>,
    pub(in super::super) max_wal_size: String,
    pub(in super::super) work_mem: String,
}

impl Server {
    pub(super) async fn read(session: &mut Session<'_>) -> Result<Self, Error> {
        let sql = "SELECT current_setting('server_version_num')::int4, current_database()::text, current_user::text,
                pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
                current_setting('block_size')::int8, current_setting('max_connections')::int8,
                current_setting('superuser_reserved_connections')::int8
                    + coalesce(current_setting('reserved_connections', true), '0')::int8,
                current_setting('autovacuum')::bool AND current_setting('track_counts')::bool,
                current_setting('autovacuum_vacuum_threshold')::float8,
                current_setting('autovacuum_vacuum_scale_factor')::float8,
                current_setting('autovacuum_analyze_threshold')::float8,
                current_setting('autovacuum_analyze_scale_factor')::float8,
                current_setting('random_page_cost')::float8,
                current_setting('pg_stat_statements.max', true) IS NOT NULL,
                (SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'),
                current_setting('max_wal_size'), current_setting('work_mem')
                /* perfect21 advisor */ FROM (SELECT 1) AS one";
        let read = session.part("server", sql, |f| {
            Ok(Self {
                version: f.next()?,
                database: f.next()?,
                role: f.next()?,
                sees_all: f.next()?,
                block_size: f.next()?,
                max_connections: f.next()?,
                reserved_connections: f.next()?,
                autovacuum: f.next()?,
                vacuum_threshold: f.next()?,
                vacuum_scale: f.next()?,
                analyze_threshold: f.next()?,
                analyze_scale: f.next()?,
                random_page_cost: f.next()?,
                statements_loaded: f.next()?,
                preloaded: f.next()?,
                max_wal_size: f.next()?,
                work_mem: f.next()?,
                path: Vec::new(),
            })
        });
        // Without it nothing can be said: what the server refuses here is an error like any other.
        let server = read.await?.map_err(|unread| Error::unreadable(unread.why))?;
        let mut server = server.into_iter().next().ok_or_else(|| Error::row_count(0))?;
        session.as_the_session_sees().await?.map_err(Error::statement)?;
        let path = session.rows("SELECT pg_catalog.current_schemas(true)::text[] /* perfect21 advisor */");
        let path = path.await?.map_err(Error::statement)?;
        server.path =
            path.first().map(|row| row.try_get(0)).transpose().map_err(Error::statement)?.unwrap_or_default();
        Ok(server)
    }
}

/// An extension that the advisor can use.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Extension {
    pub(in super::super) name: String,
    /// Where it is, if it is in this database.
    pub(in super::super) schema: Option<String>,
    /// As "1.10", if it is in this database.
    pub(in super::super) version: Option<String>,
    pub(in super::super) available: bool,
}

impl Extension {
    /// Major and minor.
    pub(in super::super) fn version(&self) -> (u32, u32) {
        let text = self.version.as_deref().unwrap_or_default();
        let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }
}

/// A list of texts as an SQL array.
fn texts<'t>(all: impl IntoIterator<Item = &'t str>) -> String {
    let all: Vec<String> = all.into_iter().map(|text| Literal(text).to_string()).collect();
    format!("ARRAY[{}]::text[]", all.join(", "))
}

pub(super) async fn extensions(session: &mut Session<'_>) -> Result<Part<Vec<Extension>>, Error> {
    let sql = format!(
        "SELECT w.name, n.nspname::text, x.extversion, a.name IS NOT NULL /* perfect21 advisor */
         FROM unnest({}) AS w(name) LEFT JOIN pg_extension x ON x.extname = w.name
         LEFT JOIN pg_namespace n ON n.oid = x.extnamespace
         LEFT JOIN pg_available_extensions a ON a.name = w.name",
        texts(["pg_stat_statements", "hypopg"])
    );
    let read = session.part("extensions", &sql, |f| {
        Ok(Extension { name: f.next()?, schema: f.next()?, version: f.next()?, available: f.next()? })
    });
    read.await
}
