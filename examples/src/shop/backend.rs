//! Where a service finds its database and cache.

use super::repository::{self, PostgresRepository, Repository, RepositoryError, SqliteRepository};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};
use tokio_postgres::{Config, NoTls};

/// Connections that a service may open to its database.
pub const CONNECTIONS: usize = 20;

/// How long a request waits for a connection before it is answered with 503.
pub(super) const WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// The shop's database.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Database {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Box<Config>),
}

impl FromStr for Database {
    type Err = RepositoryError;

    /// Reads `sqlite:FILE` or a `postgres://` URL.
    fn from_str(text: &str) -> Result<Self, RepositoryError> {
        if let Some(file) = text.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(file.into()));
        }
        let mut config: Config = text.parse().map_err(RepositoryError::database)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_millis(1500));
        }
        config.options("-c search_path=perfect21_shop -c jit=off").application_name("perfect21-shop");
        Ok(Self::Postgres(Box::new(config)))
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "SQLite (embedded)",
            Self::Postgres(_) => "PostgreSQL",
        })
    }
}

impl Database {
    /// Opens a connection and runs its first statement, as a pool does when it grows.
    ///
    /// # Errors
    /// If the database is not reached.
    pub async fn connect(&self) -> Result<(), RepositoryError> {
        match self {
            Self::Sqlite(file) => {
                let file = file.clone();
                let opened = tokio::task::spawn_blocking(move || SqliteRepository::connect(&file)).await;
                opened.map_err(RepositoryError::database)?
            }
            Self::Postgres(config) => {
                repository::connect_postgres(config).await.map(drop).map_err(RepositoryError::database)
            }
        }
    }

    /// Makes the demo shop of so many products: a new SQLite file, or the schema `perfect21_shop` anew.
    ///
    /// # Errors
    /// If the file exists already, or the server is not reached or refuses it.
    pub async fn create(&self, products: i64) -> Result<(), RepositoryError> {
        match self {
            Self::Sqlite(file) => {
                let file = file.clone();
                let created =
                    tokio::task::spawn_blocking(move || SqliteRepository::create(&file, products)).await;
                created.map_err(RepositoryError::database)?
            }
            Self::Postgres(config) => {
                let client = repository::connect_postgres(config).await.map_err(RepositoryError::database)?;
                repository::create_postgres(&client, products).await.map_err(RepositoryError::database)
            }
        }
    }

    /// Drops the schema `perfect21_shop`; an SQLite file stays.
    ///
    /// # Errors
    /// If the server is not reached or refuses it.
    pub async fn remove(&self) -> Result<(), RepositoryError> {
        let Self::Postgres(config) = self else { return Ok(()) };
        let client = repository::connect_postgres(config).await.map_err(RepositoryError::database)?;
        let drop = client.batch_execute("DROP SCHEMA IF EXISTS perfect21_shop CASCADE");
        drop.await.map_err(RepositoryError::database)
    }

    /// A repository over the pool that a careful author writes.
    ///
    /// # Errors
    /// If the pool cannot be built.
    pub fn repository(&self) -> Result<Arc<dyn Repository>, RepositoryError> {
        match self {
            Self::Sqlite(file) => Ok(Arc::new(SqliteRepository::open(file, CONNECTIONS)?)),
            Self::Postgres(config) => {
                let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
                let manager = Manager::from_config((**config).clone(), NoTls, fast);
                let pool = Pool::builder(manager)
                    .max_size(CONNECTIONS)
                    .wait_timeout(Some(WAIT_TIMEOUT))
                    .runtime(Runtime::Tokio1)
                    .build();
                Ok(Arc::new(PostgresRepository::new(pool.map_err(RepositoryError::database)?)))
            }
        }
    }
}
