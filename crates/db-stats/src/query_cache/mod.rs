//! Rows of statements, kept until their tables change.

mod builder;
mod catalog;
mod deps;
mod key;
mod listen;
mod rows;
mod source;
mod stats;
mod watch;

use crate::{Pool, error::Error};
use key::{Key, Scope};
use listen::Keeper;
use perfect21_core::{Pressure, Trim, Trimmed};
use perfect21_smart_cache::{Loader, loader::LoadError};
use source::{Source, Stored};
use std::{fmt, sync::Arc};
use tokio_postgres::types::ToSql;

pub use builder::QueryCacheBuilder;
pub use rows::{CachedRow, ColumnIndex, Rows};
pub use stats::QueryCacheStats;

/// The rows of queries, kept until a table that they depend on is written; clones share them.
///
/// ```no_run
/// # async fn example(pool: perfect21_db_stats::Pool) -> Result<(), Box<dyn std::error::Error>> {
/// use perfect21_db_stats::QueryCache;
///
/// let cache = QueryCache::builder(pool.clone()).listen(true).build()?;
/// cache.watch(&["products"]).await?; // once, or by a migration: QueryCache::watch_sql
///
/// let rows = cache.query("SELECT name, price FROM products WHERE category = $1", &[&"oak"]).await?;
/// for row in rows.iter() {
///     let (name, price): (&str, i32) = (row.get("name")?, row.get("price")?);
///     println!("{name}: {price}");
/// }
/// pool.get().await?.execute("UPDATE products SET price = price - 1", &[]).await?;
/// // The next query sees the new prices.
/// # Ok(())
/// # }
/// ```
///
/// # What it knows
/// - **A key** is the text, the parameters as they go to the server, the pool's credentials, and the role and search path
///   of a [scope](Self::scope). No rows are a result like any other; errors are not kept.
/// - **What a query depends on** is read off the server: its first run takes place in a transaction, whose locks name every
///   relation that was read, through views, partitions and functions too. Where a function reads other tables for other
///   parameters, only those of the first run are known.
/// - **What a write reaches** is read off the text of each statement of the pool's connections, and off the catalog: the
///   tables behind a view, partitions and their parents, tables whose rows go with those of another
///   (`ON DELETE CASCADE` and the like). A table with triggers or rules of users, `DO`, `CALL` and DDL reach all.
/// - **A load** is one, however many ask, and goes on if they leave. It never takes place in a transaction of the
///   caller's, and sees what is committed.
///
/// # How old an answer can be
///
/// | written by | it is seen |
/// |---|---|
/// | a connection of the same pool | by every query that begins after the statement, or the commit, has returned |
/// | the same, with its future dropped | when the connection comes back, or runs its next statement |
/// | the same, by a function that a `SELECT` calls, or by [`Connection::client`](crate::Connection::client) before the connection comes back | as by another process |
/// | another process, with [`listen`](QueryCacheBuilder::listen) | when the server has delivered its notice: below 1 ms on one machine at rest, later by as much as network and server are late |
/// | the same, while the listening session is lost | at once: a lost session is known by its socket, and the cache is passed by. If nothing tells (a black hole): after [`ping_interval`](QueryCacheBuilder::ping_interval) and [`ping_timeout`](QueryCacheBuilder::ping_timeout) at most |
/// | another process, without `listen` | after the TTL |
///
/// A schema that is changed by others is noticed within 30 s: until then, new cascades, views and partitions are not known.
///
/// # Bounds
/// [`max_entries`](QueryCacheBuilder::max_entries), [`max_bytes`](QueryCacheBuilder::max_bytes),
/// [`max_texts`](QueryCacheBuilder::max_texts), 100 000 tables. It opens no connections but the one that listens, which is
/// beside those of the pool.
#[derive(Clone)]
pub struct QueryCache {
    inner: Arc<Inner>,
    scope: Option<Arc<Scope>>,
}

struct Inner {
    name: String,
    source: Arc<Source>,
    loader: Loader<Key, Stored, Arc<Error>>,
    keeper: Keeper,
}

impl QueryCache {
    /// Begins a cache before this pool.
    pub fn builder(pool: Pool) -> QueryCacheBuilder {
        QueryCacheBuilder::new(pool)
    }

    /// The same cache for queries that run under another role or search path, as with tenants: each of them has results of
    /// its own. A load then takes a transaction and four round trips.
    #[must_use]
    pub fn scope(&self, role: Option<&str>, search_path: Option<&str>) -> Self {
        let scope = (role.is_some() || search_path.is_some()).then(|| {
            Arc::new(Scope { role: role.map(Into::into), search_path: search_path.map(Into::into) })
        });
        Self { inner: Arc::clone(&self.inner), scope }
    }

    /// The rows of a query: those at hand, or the server's.
    ///
    /// # Errors
    /// As [`Pool::get`] and [`Connection::query`](crate::Connection::query): those of a load reach all who waited for it.
    ///
    /// # Cancel safety
    /// A load goes on when its caller leaves.
    ///
    /// # Panics
    /// If it is polled outside of a tokio runtime, or the number of parameters is not the statement's.
    pub async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Rows, Error> {
        let source = &self.inner.source;
        self.inner.keeper.ensure(source);
        if source.is_deaf() {
            return self.past(sql, params).await;
        }
        // What is loaded from here on is new enough.
        let asked = source.tags.begin();
        let text = source.text(self.scope.as_ref(), sql).await?;
        if !source.is_cacheable(&text) {
            return self.past(sql, params).await;
        }
        let Some(key) = Key::new(Arc::clone(&text), params) else {
            // The schema was changed, or the caller is wrong.
            source.forget(&text);
            return self.past(sql, params).await;
        };
        loop {
            match self.inner.loader.get(key.clone()).await {
                Ok(stored) if stored.is_current() => return Ok(stored.rows),
                Ok(stored) if stored.began >= asked => {
                    if !stored.is_kept() {
                        self.inner.loader.remove(&key);
                    }
                    return Ok(stored.rows);
                }
                Ok(_) => {
                    source.counts.outdated.increment();
                    self.inner.loader.remove(&key);
                }
                Err(LoadError::Load(error)) if error.is_wrong_type() => {
                    // The schema was changed.
                    source.forget(&text);
                    return self.past(sql, params).await;
                }
                Err(LoadError::Load(error)) => return Err(Error::shared(error)),
                // Too many loads are under way: the pool bounds them as well.
                Err(_) => return self.past(sql, params).await,
            }
        }
    }

    /// Without the cache.
    async fn past(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Rows, Error> {
        let source = &self.inner.source;
        source.counts.bypassed.increment();
        let mut connection = source.pool.get().await?;
        let rows = match &self.scope {
            None => connection.query(sql, params).await?,
            Some(scope) => {
                let mut transaction = connection.transaction().await?;
                transaction.control(&scope.enter()).await?;
                let rows = transaction.query(sql, params).await?;
                transaction.commit().await?;
                rows
            }
        };
        Ok(Rows::new(&rows))
    }

    /// Makes out of date what depends on these tables, named without their schemas as the catalog has them: for what this
    /// cache cannot see, as writes by functions that a `SELECT` calls. Call it after the write.
    pub fn invalidate(&self, tables: &[&str]) {
        self.inner.source.written(tables);
    }

    /// Makes all out of date, and gives its memory back.
    pub fn clear(&self) {
        self.inner.source.clear();
        self.inner.loader.clear();
    }
}

/// As its cache: see the `Trim` of smart-cache.
impl Trim for QueryCache {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        self.inner.loader.trim(pressure)
    }
}

impl fmt::Debug for QueryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryCache")
            .field("name", &self.inner.name)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
