//! Where the API keeps its data: one trait, PostgreSQL and SQLite behind it.

mod postgres;
mod sqlite;

pub use postgres::{PostgresRepository, Queries};
pub(super) use postgres::{connect as connect_postgres, create as create_postgres, failed};
pub use sqlite::SqliteRepository;

use super::model::{NewUser, ProductPage, RatingCount, User};
use async_trait::async_trait;
use std::error::Error;

/// The API's questions to its database.
#[async_trait]
pub trait Repository: Send + Sync {
    /// The database's name for people.
    fn database(&self) -> &'static str;

    /// Asks the database for a sign of life.
    async fn ping(&self) -> Result<(), RepositoryError>;

    /// All that a product's page shows.
    async fn product_page(&self, id: i64) -> Result<Option<ProductPage>, RepositoryError>;

    /// A user by id.
    async fn user(&self, id: i64) -> Result<Option<User>, RepositoryError>;

    /// Registers a user; name and address must be new.
    async fn create_user(&self, user: &NewUser, password_hash: &str) -> Result<User, RepositoryError>;

    /// A user and the hash of the password, by name.
    async fn credentials(&self, username: &str) -> Result<Option<(User, String)>, RepositoryError>;

    /// Opens a session.
    async fn create_session(&self, user: i64, token: &str) -> Result<(), RepositoryError>;

    /// The user of an open session.
    async fn session(&self, token: &str) -> Result<Option<User>, RepositoryError>;

    /// Ends a session; false if there was none.
    async fn end_session(&self, token: &str) -> Result<bool, RepositoryError>;

    /// How often each rating was given, ordered by category and rating.
    async fn rating_counts(&self) -> Result<Vec<RatingCount>, RepositoryError>;
}

/// Why a repository could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// A user of that name or address exists.
    #[error("a user of that name or address exists already")]
    Conflict,
    /// The database cannot be reached, or refused the statement.
    #[error("the database did not answer")]
    Database(#[source] Box<dyn Error + Send + Sync>),
}

impl RepositoryError {
    pub(super) fn database(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Database(error.into())
    }
}
