use super::{
    catalog::{Catalog, Reach},
    deps::Deps,
    key::{Key, Scope, Text, TextKey, TextRef},
    listen::Listener,
    rows::Rows,
    stats::Counts,
};
use crate::{
    Connection, Pool,
    connection::Writes,
    error::Error,
    pool::Watch,
    sql::{Ident, Literal},
};
use parking_lot::RwLock;
use perfect21_smart_cache::{
    Cache, Tags,
    tag::{Began, Tagged},
};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::Notify;
use tokio_postgres::types::ToSql;

/// Where values come from, and what makes them out of date.
pub(super) struct Source {
    pub pool: Pool,
    pub tags: Tags,
    texts: Cache<TextKey, Arc<Text>>,
    next_id: AtomicU64,
    /// `None` until it was read, and after what may have changed it.
    catalog: RwLock<Option<Arc<Catalog>>>,
    /// How often it became out of date.
    version: AtomicU64,
    /// The catalog is to be read.
    pub outdated: Notify,
    /// Where other writers are listened to.
    pub listener: Option<Listener>,
    pub triggers_write: bool,
    pub counts: Counts,
}

/// The rows of a query, and whether they still are.
#[derive(Clone)]
pub(super) struct Stored {
    pub rows: Rows,
    pub began: Began,
    /// `None` where it must not be kept.
    tables: Option<Tagged<()>>,
}

impl Stored {
    pub(super) fn is_current(&self) -> bool {
        self.tables.as_ref().is_some_and(Tagged::is_current)
    }

    pub(super) fn is_kept(&self) -> bool {
        self.tables.is_some()
    }
}

impl Source {
    pub(super) fn new(
        pool: Pool,
        texts: Cache<TextKey, Arc<Text>>,
        listener: Option<Listener>,
        triggers_write: bool,
    ) -> Self {
        Self {
            pool,
            tags: Tags::new(),
            texts,
            next_id: AtomicU64::new(0),
            catalog: RwLock::new(None),
            version: AtomicU64::new(0),
            outdated: Notify::new(),
            listener,
            triggers_write,
            counts: Counts::default(),
        }
    }

    /// Other writers are to be listened to, and cannot be heard now.
    pub(super) fn is_deaf(&self) -> bool {
        self.listener.as_ref().is_some_and(|listener| listener.epoch().is_none())
    }

    /// What is known of the text; its first caller asks the server for its parameters.
    pub(super) async fn text(&self, scope: Option<&Arc<Scope>>, sql: &str) -> Result<Arc<Text>, Error> {
        let generation = self.pool.shared().generation();
        let key = TextRef { scope: scope.map(|scope| &**scope), generation, sql };
        if let Some(text) = self.texts.get(&key) {
            return Ok(text);
        }
        let key = TextKey { scope: scope.cloned(), generation, sql: sql.into() };
        self.texts.try_get_or_load(key.clone(), || self.learn(key)).await
    }

    async fn learn(&self, key: TextKey) -> Result<Arc<Text>, Error> {
        let deps = OnceLock::new();
        let types = if Writes::of(&key.sql) == Writes::None {
            let mut connection = self.pool.get().await?;
            match key.scope.as_deref() {
                None => connection.types(&key.sql).await?,
                Some(scope) => {
                    let mut transaction = connection.transaction().await?;
                    transaction.control(&scope.enter()).await?;
                    let types = transaction.types(&key.sql).await?;
                    transaction.rollback().await?;
                    types
                }
            }
        } else {
            deps.set(Deps::Writes).ok();
            Vec::new()
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Text { id, key, types, deps }))
    }

    pub(super) fn forget(&self, text: &Text) {
        drop(self.texts.remove(&text.key));
    }

    /// Asks the server.
    pub(super) async fn load(&self, key: &Key) -> Result<Stored, Error> {
        // Before anything is read.
        let began = self.tags.begin();
        let heard = self.listener.as_ref().map(Listener::epoch);
        let (params, text) = (key.params(), &key.text);
        let params: Vec<&(dyn ToSql + Sync)> =
            params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
        let mut connection = self.pool.get().await?;
        let rows = match (text.deps.get(), text.key.scope.as_deref()) {
            (Some(_), None) => connection.query(&text.key.sql, &params).await?,
            (_, scope) => in_transaction(&mut connection, scope, text, &params).await?,
        };
        drop(connection);
        let rows = Rows::new(&rows);
        let mut tables = None;
        if let Some(Deps::Tables(oids)) = text.deps.get()
            && self.may_keep(oids, heard)
        {
            let names = oids.iter().map(u32::to_string);
            tables = self.tags.tag(began, (), names).ok();
        }
        if tables.is_none() {
            self.counts.not_kept.increment();
        }
        Ok(Stored { rows, began, tables })
    }

    /// Whether what is loaded for the text can be kept, as far as is known.
    pub(super) fn is_cacheable(&self, text: &Text) -> bool {
        match text.deps.get() {
            None => true,
            Some(Deps::Writes) => false,
            Some(Deps::Tables(oids)) => self.listener.is_none() || self.are_watched(oids),
        }
    }

    fn are_watched(&self, oids: &[u32]) -> bool {
        let catalog = self.catalog.read().clone();
        catalog.is_some_and(|catalog| catalog.are_watched(oids))
    }

    /// Where others are listened to: all the while, and all of these tables.
    fn may_keep(&self, oids: &[u32], heard: Option<Option<u64>>) -> bool {
        let Some(listener) = &self.listener else { return true };
        let all_the_while = heard.flatten().is_some() && heard == Some(listener.epoch());
        all_the_while && self.are_watched(oids)
    }

    pub(super) fn catalog_version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(super) fn knows_schema(&self) -> bool {
        self.catalog.read().is_some()
    }

    /// Takes what was read, unless the schema was changed meanwhile.
    pub(super) fn set_catalog(&self, read: Catalog, version: u64) -> bool {
        let read = Arc::new(read);
        let mut catalog = self.catalog.write();
        if version != self.catalog_version() {
            return false;
        }
        let before = catalog.replace(Arc::clone(&read));
        drop(catalog);
        if before.is_none_or(|before| before.digest != read.digest) {
            // Other tables may be under the same names, views show something else, parameters have other types.
            self.texts.clear();
            self.tags.invalidate_all();
        }
        true
    }

    /// Nothing that is held counts any more.
    pub(super) fn clear(&self) {
        self.counts.invalidations.increment();
        self.tags.invalidate_all();
    }

    /// A table said that it was written.
    pub(super) fn told(&self, payload: &str) {
        let catalog = self.catalog.read().clone();
        let reach = match (catalog, payload.parse()) {
            (Some(catalog), Ok(oid)) => catalog.told(oid),
            _ => Reach::Any,
        };
        self.counts.heard.increment();
        self.invalidate(&reach);
    }

    /// Tables by the names that [`Writes`] has.
    pub(super) fn written(&self, tables: &[impl AsRef<str>]) {
        let catalog = self.catalog.read().clone();
        for table in tables {
            let reach = match &catalog {
                Some(catalog) => catalog.reach(table.as_ref(), self.triggers_write),
                None => Reach::Any,
            };
            self.invalidate(&reach);
        }
    }

    fn invalidate(&self, reach: &Reach) {
        match reach {
            Reach::Tables(oids) => {
                self.counts.invalidations.increment();
                oids.iter().for_each(|oid| self.tags.invalidate(&oid.to_string()));
            }
            Reach::Any => {
                self.clear();
                self.outdated.notify_one();
            }
        }
    }
}

async fn in_transaction(
    connection: &mut Connection,
    scope: Option<&Scope>,
    text: &Text,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>, Error> {
    let mut transaction = connection.transaction().await?;
    if let Some(scope) = scope {
        transaction.control(&scope.enter()).await?;
    }
    let rows = transaction.query(&text.key.sql, params).await?;
    if text.deps.get().is_none() {
        let deps = Deps::of_transaction(&mut transaction).await?;
        text.deps.set(deps).ok();
    }
    transaction.commit().await?;
    Ok(rows)
}

impl Scope {
    /// Statements that hold until the end of a transaction.
    pub(super) fn enter(&self) -> String {
        let mut sql = String::new();
        if let Some(role) = &self.role {
            sql.push_str(&format!("SET LOCAL ROLE {};", Ident(role)));
        }
        if let Some(path) = &self.search_path {
            sql.push_str(&format!("SELECT pg_catalog.set_config('search_path', {}, true);", Literal(path)));
        }
        sql
    }
}

impl Watch for Source {
    fn wrote(&self, writes: &Writes) {
        match writes {
            Writes::None => {}
            Writes::Tables(tables) => self.written(tables),
            Writes::Any => {
                // The schema itself may be another.
                let mut catalog = self.catalog.write();
                self.version.fetch_add(1, Ordering::AcqRel);
                *catalog = None;
                drop(catalog);
                self.texts.clear();
                self.invalidate(&Reach::Any);
            }
        }
    }
}
