use super::{Repository, RepositoryError};
use crate::shop::{
    model::{NewUser, Product, ProductPage, RatingCount, Related, Review, User},
    seed,
};
use async_trait::async_trait;
use deadpool_sqlite::{
    Config, Pool, Runtime,
    rusqlite::{self, Connection, ErrorCode, OptionalExtension, Row, params},
};
use std::path::Path;

/// The shop in an SQLite file, behind a pool of connections whose calls run on blocking threads.
#[derive(Debug, Clone)]
pub struct SqliteRepository {
    pool: Pool,
}

const SCHEMA: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT UNIQUE NOT NULL, email TEXT UNIQUE NOT NULL,
                        password_hash TEXT NOT NULL);
    CREATE TABLE sessions (token TEXT PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users) WITHOUT ROWID;
    CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL,
                           price_cents INTEGER NOT NULL, description TEXT NOT NULL);
    CREATE INDEX products_by_category ON products (category, id);
    CREATE TABLE reviews (id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL REFERENCES products,
                          user_id INTEGER NOT NULL REFERENCES users, rating INTEGER NOT NULL, body TEXT NOT NULL);
    CREATE INDEX reviews_by_product ON reviews (product_id, id);";

impl SqliteRepository {
    /// Opens a pool of at most `connections` on an existing file.
    ///
    /// # Errors
    /// If the pool cannot be built; the file itself is opened with the first connection.
    pub fn open(file: &Path, connections: usize) -> Result<Self, RepositoryError> {
        let pool = Config::new(file)
            .builder(Runtime::Tokio1)
            .map_err(RepositoryError::database)?
            .max_size(connections)
            .build()
            .map_err(RepositoryError::database)?;
        Ok(Self { pool })
    }

    /// Writes a fresh file with the demo shop of so many products.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn create(file: &Path, products: i64) -> Result<(), RepositoryError> {
        fill(file, products).map_err(RepositoryError::database)
    }

    /// Opens a connection and runs its first statement, as a pool does when it grows.
    ///
    /// # Errors
    /// If the file is no database.
    pub fn connect(file: &Path) -> Result<(), RepositoryError> {
        let connection = Connection::open(file).map_err(RepositoryError::database)?;
        let first: Result<i64, _> =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
        first.map(drop).map_err(RepositoryError::database)
    }

    async fn call<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let connection = self.pool.get().await.map_err(RepositoryError::database)?;
        let result = connection.interact(|connection| f(connection)).await;
        result.map_err(|error| RepositoryError::database(error.to_string()))?.map_err(|error| {
            match error.sqlite_error_code() {
                Some(ErrorCode::ConstraintViolation) => RepositoryError::Conflict,
                _ => RepositoryError::database(error),
            }
        })
    }
}

fn fill(file: &Path, products: i64) -> rusqlite::Result<()> {
    let mut connection = Connection::open(file)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    connection.execute_batch(SCHEMA)?;
    let all = connection.transaction()?;
    {
        let mut user = all.prepare("INSERT INTO users VALUES (?1, ?2, ?3, '')")?;
        let mut product = all.prepare("INSERT INTO products VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let mut review =
            all.prepare("INSERT INTO reviews (product_id, user_id, rating, body) VALUES (?1, ?2, ?3, ?4)")?;
        for id in 1..=seed::USERS {
            let name = seed::username(id);
            user.execute(params![id, name, format!("{name}@shop.example")])?;
        }
        for p in (1..=products).map(seed::product) {
            product.execute(params![p.id, p.name, p.category, p.price_cents, p.description])?;
            for r in seed::reviews(p.id) {
                review.execute(params![r.product_id, r.user_id, r.rating, r.body])?;
            }
        }
    }
    all.commit()?;
    connection.execute_batch("ANALYZE")
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: row.get(0)?, username: row.get(1)?, email: row.get(2)? })
}

fn product_page(connection: &Connection, id: i64) -> rusqlite::Result<Option<ProductPage>> {
    let mut statement = connection
        .prepare_cached("SELECT id, name, category, price_cents, description FROM products WHERE id = ?1")?;
    let product = statement.query_row([id], |row| {
        Ok(Product {
            id: row.get(0)?,
            name: row.get(1)?,
            category: row.get(2)?,
            price_cents: row.get(3)?,
            description: row.get(4)?,
        })
    });
    let Some(product) = product.optional()? else { return Ok(None) };
    let reviews = connection
        .prepare_cached(
            "SELECT u.username, r.rating, r.body FROM reviews r JOIN users u ON u.id = r.user_id
             WHERE r.product_id = ?1 ORDER BY r.id DESC LIMIT 5",
        )?
        .query_map([id], |row| Ok(Review { username: row.get(0)?, rating: row.get(1)?, body: row.get(2)? }))?
        .collect::<Result<_, _>>()?;
    let related = connection
        .prepare_cached(
            "SELECT id, name, price_cents FROM products WHERE category = ?1 AND id > ?2 ORDER BY id LIMIT 4",
        )?
        .query_map(params![product.category, id], |row| {
            Ok(Related { id: row.get(0)?, name: row.get(1)?, price_cents: row.get(2)? })
        })?
        .collect::<Result<_, _>>()?;
    Ok(Some(ProductPage { product, reviews, related }))
}

#[async_trait]
impl Repository for SqliteRepository {
    fn database(&self) -> &'static str {
        "SQLite"
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        self.call(|c| c.prepare_cached("SELECT 1")?.query_row([], |_| Ok(()))).await
    }

    async fn product_page(&self, id: i64) -> Result<Option<ProductPage>, RepositoryError> {
        self.call(move |c| product_page(c, id)).await
    }

    async fn user(&self, id: i64) -> Result<Option<User>, RepositoryError> {
        self.call(move |c| {
            c.prepare_cached("SELECT id, username, email FROM users WHERE id = ?1")?
                .query_row([id], user)
                .optional()
        })
        .await
    }

    async fn create_user(&self, new: &NewUser, password_hash: &str) -> Result<User, RepositoryError> {
        let (new, password_hash) = (new.clone(), password_hash.to_owned());
        self.call(move |c| {
            c.prepare_cached(
                "INSERT INTO users (username, email, password_hash) VALUES (?1, ?2, ?3)
                 RETURNING id, username, email",
            )?
            .query_row(params![new.username, new.email, password_hash], user)
        })
        .await
    }

    async fn credentials(&self, username: &str) -> Result<Option<(User, String)>, RepositoryError> {
        let username = username.to_owned();
        self.call(move |c| {
            c.prepare_cached("SELECT id, username, email, password_hash FROM users WHERE username = ?1")?
                .query_row([username], |row| Ok((user(row)?, row.get(3)?)))
                .optional()
        })
        .await
    }

    async fn create_session(&self, user: i64, token: &str) -> Result<(), RepositoryError> {
        let token = token.to_owned();
        self.call(move |c| {
            c.prepare_cached("INSERT INTO sessions VALUES (?1, ?2)")?.execute(params![token, user]).map(drop)
        })
        .await
    }

    async fn session(&self, token: &str) -> Result<Option<User>, RepositoryError> {
        let token = token.to_owned();
        self.call(move |c| {
            c.prepare_cached(
                "SELECT u.id, u.username, u.email FROM sessions s JOIN users u ON u.id = s.user_id
                 WHERE s.token = ?1",
            )?
            .query_row([token], user)
            .optional()
        })
        .await
    }

    async fn end_session(&self, token: &str) -> Result<bool, RepositoryError> {
        let token = token.to_owned();
        self.call(move |c| {
            c.prepare_cached("DELETE FROM sessions WHERE token = ?1")?.execute([token]).map(|n| n > 0)
        })
        .await
    }

    async fn rating_counts(&self) -> Result<Vec<RatingCount>, RepositoryError> {
        self.call(|c| {
            c.prepare_cached(
                "SELECT p.category, r.rating, count(*) FROM reviews r JOIN products p ON p.id = r.product_id
                 GROUP BY 1, 2 ORDER BY 1, 2",
            )?
            .query_map([], |row| {
                Ok(RatingCount { category: row.get(0)?, rating: row.get(1)?, count: row.get(2)? })
            })?
            .collect()
        })
        .await
    }
}
