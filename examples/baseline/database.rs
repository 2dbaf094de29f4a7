//! The servers behind the services: embedded, private ones that are thrown away, or the user's.

use crate::{args::Server, sentence};
use perfect21_examples::shop::Database;
use perfect21_redis_cache::RedisCache;
use perfect21_test_support::{postgres::Postgres, redis::Redis};
use std::{fmt::Display, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::process::Command;

/// A server that does not answer by then is not there; seeding is not counted.
const REACH: Duration = Duration::from_millis(1700);

/// A shop that is ready to be served; private servers and files end with it.
pub(crate) struct Backends {
    pub database: Database,
    pub database_kind: &'static str,
    pub cache_kind: &'static str,
    pub redis_url: Option<String>,
    postgres_url: Option<String>,
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
        backends.redis_url = Some(url);
        backends._redis = redis_server;
    }
    let name = backends.database_kind;
    match tokio::time::timeout(REACH, reach(&backends.database)).await {
        Ok(reached) => reached.map_err(|error| format!("{name}: {}", sentence(&error)))?,
        Err(_) => return Err(format!("{name}: no answer within {REACH:?}; is the URL right?")),
    }
    eprintln!("Making the demo shop: {pages} products in {name}");
    match backends.database.create(pages as i64).await {
        Ok(()) => Ok(backends),
        Err(error) => {
            backends.remove().await;
            Err(format!("{name}: cannot make the demo shop: {}", sentence(&error)))
        }
    }
}

/// SQLite needs no reaching, and connecting would make the file.
async fn reach(database: &Database) -> Result<(), perfect21_examples::shop::RepositoryError> {
    match database {
        Database::Postgres(_) => database.connect().await,
        _ => Ok(()),
    }
}

impl Backends {
    fn new(database: Database, database_kind: &'static str) -> Self {
        Self {
            database,
            database_kind,
            cache_kind: "in memory (embedded)",
            redis_url: None,
            postgres_url: None,
            _sqlite: None,
            _postgres: None,
            _redis: None,
        }
    }

    /// Tells a service of its own process where to look. URLs go by the environment: they may hold a password, and
    /// anyone on the machine can read a command line.
    pub(crate) fn tell(&self, service: &mut Command) {
        if let Database::Sqlite(file) = &self.database {
            service.arg("--sqlite").arg(file);
        }
        for (option, variable, url) in
            [("--postgres", "DATABASE_URL", &self.postgres_url), ("--redis", "REDIS_URL", &self.redis_url)]
        {
            if let Some(url) = url {
                service.arg(option).env(variable, url);
            }
        }
    }

    /// Leaves the user's database as it was found, and says where it cannot: what was measured stands all the same.
    pub(crate) async fn remove(self) {
        if let Err(error) = self.database.remove().await {
            eprintln!("baseline: the schema perfect21_shop could not be dropped: {}", sentence(&error));
        }
    }
}

fn sqlite() -> Result<Backends, String> {
    let dir =
        TempDir::with_prefix("perfect21-").map_err(|error| format!("no temporary directory: {error}"))?;
    let file: PathBuf = dir.path().join("shop.sqlite");
    Ok(Backends { _sqlite: Some(dir), ..Backends::new(Database::Sqlite(file), "SQLite (embedded)") })
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
    Ok(Backends { postgres_url: Some(url.to_owned()), ..Backends::new(database, kind) })
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
