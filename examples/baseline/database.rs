//! The servers behind the services: embedded, private ones that are thrown away, or the user's.

use crate::{args::Server, sentence};
use perfect21_examples::shop::Database;
use perfect21_redis_cache::RedisCache;
use perfect21_test_support::{postgres::Postgres, redis::Redis};
use std::{fmt::Display, path::PathBuf, time::Duration};
use tempfile::TempDir;

/// A server that does not answer by then is not there; seeding is not counted.
const REACH: Duration = Duration::from_millis(1700);

/// A shop that is ready to be served; private servers and files end with it.
pub(crate) struct Backends {
    pub database: Database,
    pub database_kind: &'static str,
    /// What tells a service of its own process where to look.
    pub arguments: Vec<String>,
    pub cache_kind: &'static str,
    _sqlite: Option<TempDir>,
    _postgres: Option<Postgres>,
    _redis: Option<Redis>,
}

pub(crate) async fn prepare(postgres: &Server, redis: &Server, pages: usize) -> Result<Backends, String> {
    let (redis_server, redis_url) = match redis {
        Server::Embedded => (None, None),
        Server::Private => {
            let server = blocking(Redis::start).await?;
            let url = server.url();
            (Some(server), Some(url))
        }
        Server::Url(url) => (None, Some(url.clone())),
    };
    let mut backends = match postgres {
        Server::Embedded => sqlite()?,
        Server::Private => {
            let server = blocking(Postgres::start).await?;
            let url = server.url();
            Backends { _postgres: Some(server), ..postgres_at(&url, "PostgreSQL (private)")? }
        }
        Server::Url(url) => postgres_at(url, "PostgreSQL (yours)")?,
    };
    if let Some(url) = redis_url {
        let reached = RedisCache::builder(&url).connect().await;
        reached.map_err(|error| format!("Redis at {}: {}", without_password(&url), sentence(&error)))?;
        backends.cache_kind = if redis_server.is_some() { "Redis (private)" } else { "Redis (yours)" };
        backends.arguments.push(format!("--redis={url}"));
        backends._redis = redis_server;
    }
    let name = backends.database_kind;
    match tokio::time::timeout(REACH, reach(&backends.database)).await {
        Ok(reached) => reached.map_err(|error| format!("{name}: {}", sentence(&error)))?,
        Err(_) => return Err(format!("{name}: no answer within {REACH:?}; is the URL right?")),
    }
    eprintln!("Making the demo shop: {pages} products in {name}");
    let created = backends.database.create(pages as i64).await;
    created.map_err(|error| format!("{name}: cannot make the demo shop: {}", sentence(&error)))?;
    Ok(backends)
}

/// SQLite needs no reaching, and connecting would make the file.
async fn reach(database: &Database) -> Result<(), perfect21_examples::shop::RepositoryError> {
    match database {
        Database::Postgres(_) => database.connect().await,
        _ => Ok(()),
    }
}

impl Backends {
    /// Leaves the user's database as it was found.
    pub(crate) async fn remove(self) -> Result<(), String> {
        let removed = self.database.remove().await;
        removed
            .map_err(|error| format!("the schema perfect21_shop could not be dropped: {}", sentence(&error)))
    }
}

fn sqlite() -> Result<Backends, String> {
    let dir =
        TempDir::with_prefix("perfect21-").map_err(|error| format!("no temporary directory: {error}"))?;
    let file: PathBuf = dir.path().join("shop.sqlite");
    let arguments = vec![format!("--sqlite={}", file.display())];
    Ok(Backends {
        _sqlite: Some(dir),
        ..Backends::new(Database::Sqlite(file), "SQLite (embedded)", arguments)
    })
}

fn postgres_at(url: &str, kind: &'static str) -> Result<Backends, String> {
    let refused = |error: &dyn Display| {
        format!(
            "--postgres: not a PostgreSQL URL ({error}); write postgres://user:password@host:port/database"
        )
    };
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(refused(&"it does not begin with postgres://"));
    }
    let database = url
        .parse()
        .map_err(|error| refused(&sentence(&error as &perfect21_examples::shop::RepositoryError)))?;
    Ok(Backends::new(database, kind, vec![format!("--postgres={url}")]))
}

impl Backends {
    fn new(database: Database, database_kind: &'static str, arguments: Vec<String>) -> Self {
        let cache_kind = "in memory (embedded)";
        Self { database, database_kind, arguments, cache_kind, _sqlite: None, _postgres: None, _redis: None }
    }
}

async fn blocking<T: Send + 'static>(
    start: impl FnOnce() -> Result<T, perfect21_test_support::Error> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(start).await {
        Ok(started) => started.map_err(|error| sentence(&error)),
        Err(error) => Err(error.to_string()),
    }
}

/// A URL as it may be shown.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}
