//! The tuned service: the same routes and database, with the parts of Perfect21 around them.

use super::{
    backend::{CONNECTIONS, Database, WAIT_TIMEOUT},
    model::{NewUser, ProductPage, RatingCount, User},
    repository::{PostgresRepository, Queries, Repository, RepositoryError, failed},
    routes::{Shop, routes},
};
use async_trait::async_trait;
use axum::{
    Router,
    error_handling::HandleErrorLayer,
    http::{StatusCode, header::RETRY_AFTER},
    response::IntoResponse,
};
use perfect21_concurrency::{ConfigError, Limit, Limited};
use perfect21_db_stats::{Error as PoolError, ErrorKind, Pool, ServerWatch};
use perfect21_http_perf::{ResponseCache, Timing};
use perfect21_mem_pool::watch::Watch;
use perfect21_monitor::{Observe, Snapshot};
use perfect21_redis_cache::{Cache, ErrorPolicy, LoadError, Near, RedisCache};
use std::{convert::Infallible, io, sync::Arc, time::Duration};
use tokio_postgres::{Row, types::ToSql};
use tower::ServiceBuilder;
use tower_http::compression::{CompressionLayer, predicate::SizeAbove};

/// What the caches may hold: all pages of the demo shop, with room.
const PAGES: usize = 20_000;
const CACHE_BYTES: u64 = 64 << 20;
const TTL: Duration = Duration::from_secs(300);

/// What the service itself holds of a cache in Redis.
pub fn near() -> Near {
    Near::new().max_entries(PAGES).max_bytes(CACHE_BYTES)
}

/// Why the tuned service cannot be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunedError {
    /// A part refused its settings.
    #[error("a part refused its settings")]
    Config(#[from] ConfigError),
    /// The database is not reached.
    #[error("the database is not ready")]
    Database(#[source] PoolError),
    /// The memory watch got no thread.
    #[error("the memory watch got no thread")]
    Watch(#[source] io::Error),
    /// The plain pool is not built.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What counts the statements of a service on a server, and what the server says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Counted {
    /// The service's connections.
    pub pool: Pool,
    /// Reads the server every five seconds.
    pub server: ServerWatch,
}

impl Counted {
    async fn open(config: &tokio_postgres::Config) -> Result<Self, TunedError> {
        let pool = Pool::builder(config.clone())
            .max_size(CONNECTIONS)
            .min_idle(4)
            .wait_timeout(WAIT_TIMEOUT)
            .build()?;
        pool.fill().await.map_err(TunedError::Database)?;
        let server = ServerWatch::builder(pool.clone()).interval(Duration::from_secs(5)).build()?;
        Ok(Self { pool, server })
    }
}

/// Times so many connects by the pool, each with a first statement.
///
/// # Errors
/// If the database is not reached.
pub async fn time_connects(
    config: &tokio_postgres::Config,
    connects: usize,
) -> Result<Vec<Duration>, TunedError> {
    let pool = Pool::builder(config.clone()).name("connects").max_size(1).build()?;
    let mut times = Vec::with_capacity(connects);
    for _ in 0..connects {
        let start = std::time::Instant::now();
        let mut connection = pool.get().await.map_err(TunedError::Database)?;
        connection.batch_execute("SELECT 1").await.map_err(TunedError::Database)?;
        times.push(start.elapsed());
        drop(connection);
        pool.evict_all();
    }
    Ok(times)
}

/// The API with a limit, timing, a response cache under a memory watch, and a data cache over a pool that is filled before
/// the first request.
///
/// # Errors
/// If a part refuses its settings, or the database is not reached.
pub async fn service(
    database: &Database,
    cache: &RedisCache,
) -> Result<(Router, Option<Counted>), TunedError> {
    let mut counted = None;
    let mut parts: Vec<Arc<dyn Observe>> = Vec::new();
    let repository = match database {
        Database::Sqlite(_) => database.repository()?,
        Database::Postgres(config) => {
            let Counted { pool, server } = counted.insert(Counted::open(config).await?).clone();
            parts.extend([Arc::new(pool.clone()) as Arc<dyn Observe>, Arc::new(server)]);
            Arc::new(PostgresRepository::new(pool))
        }
    };
    let cached = Cached::new(repository, cache)?;
    let limit = Limit::builder(512).name("api").max_queue(4096).max_wait(Duration::from_secs(2)).build()?;
    let timing = Timing::builder().build()?;
    let responses =
        ResponseCache::builder().name("pages").max_entries(PAGES).max_bytes(CACHE_BYTES).build()?;
    let responses = Arc::new(responses);
    // When memory runs short, answers are given back before the container is killed for them.
    let watch = Watch::new();
    watch.register(&responses);
    let watching = watch.run().map_err(TunedError::Watch)?;
    parts.extend([
        Arc::new(limit.clone()) as Arc<dyn Observe>,
        Arc::new(timing.clone()),
        responses.clone(),
        Arc::new(cache.clone()),
        Arc::new(cached.pages.clone()),
        Arc::new(watch),
    ]);
    let metrics = move || {
        // The watch ends with the service.
        let _ = &watching;
        let snapshot = Snapshot::of(parts.iter().map(|part| &**part));
        serde_json::to_value(snapshot).unwrap_or_default()
    };
    let shop = Shop { repository: Arc::new(cached), metrics: Arc::new(metrics) };
    // From the outside in. The cache stands outside of compression: an answer is compressed once and stored so.
    let layers = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(refuse))
        .layer(limit.layer())
        .layer(timing.layer())
        .layer(responses.layer())
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(1000)));
    Ok((routes(shop).layer(layers), counted))
}

async fn refuse(refused: Limited<Infallible>) -> impl IntoResponse {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], refused.to_string())
}

#[async_trait]
impl Queries for Pool {
    async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, RepositoryError> {
        let mut connection = self.get().await.map_err(RepositoryError::database)?;
        connection.query(sql, params).await.map_err(|error| match (error.kind(), error.code().cloned()) {
            (ErrorKind::Statement, Some(code)) => failed(&code, error),
            _ => RepositoryError::database(error),
        })
    }
}

/// A repository behind a cache: one load for each page however many ask, and a page that does not exist is known too.
struct Cached {
    inner: Arc<dyn Repository>,
    pages: Cache<i64, ProductPage>,
    ratings: Cache<str, Vec<RatingCount>>,
}

impl Cached {
    fn new(inner: Arc<dyn Repository>, cache: &RedisCache) -> Result<Self, ConfigError> {
        // The database answers where the cache cannot; the cache counts it.
        let pages = cache.typed("page").ttl(TTL).on_error(ErrorPolicy::MissOnError).build()?;
        let ratings = cache.typed("ratings").ttl(TTL).on_error(ErrorPolicy::MissOnError).build()?;
        Ok(Self { inner, pages, ratings })
    }
}

fn loaded<T>(result: Result<T, LoadError<RepositoryError>>) -> Result<T, RepositoryError> {
    result.map_err(|error| match error {
        // All who waited for it are told; the first takes it.
        LoadError::Load(error) => Arc::try_unwrap(error).unwrap_or_else(RepositoryError::database),
        error => RepositoryError::database(error),
    })
}

#[async_trait]
impl Repository for Cached {
    fn database(&self) -> &'static str {
        self.inner.database()
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        self.inner.ping().await
    }

    async fn product_page(&self, id: i64) -> Result<Option<ProductPage>, RepositoryError> {
        let inner = Arc::clone(&self.inner);
        loaded(self.pages.get_or_find(&id, move || async move { inner.product_page(id).await }).await)
    }

    async fn user(&self, id: i64) -> Result<Option<User>, RepositoryError> {
        self.inner.user(id).await
    }

    async fn create_user(&self, user: &NewUser, password_hash: &str) -> Result<User, RepositoryError> {
        self.inner.create_user(user, password_hash).await
    }

    async fn credentials(&self, username: &str) -> Result<Option<(User, String)>, RepositoryError> {
        self.inner.credentials(username).await
    }

    async fn create_session(&self, user: i64, token: &str) -> Result<(), RepositoryError> {
        self.inner.create_session(user, token).await
    }

    async fn session(&self, token: &str) -> Result<Option<User>, RepositoryError> {
        self.inner.session(token).await
    }

    async fn end_session(&self, token: &str) -> Result<bool, RepositoryError> {
        self.inner.end_session(token).await
    }

    async fn rating_counts(&self) -> Result<Vec<RatingCount>, RepositoryError> {
        let inner = Arc::clone(&self.inner);
        loaded(self.ratings.get_or_load("all", move || async move { inner.rating_counts().await }).await)
    }
}
