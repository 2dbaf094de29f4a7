//! A small shop's API: users, sessions, product pages with reviews, and a computed report.
//!
//! | route | answers |
//! |---|---|
//! | `GET /health` | that the process runs |
//! | `GET /api/auth/health` | that users can be read from the database |
//! | `POST /api/users`, `GET /api/users/{id}` | registration |
//! | `POST /api/sessions`, `GET` and `DELETE /api/sessions/current` | log in, who am I, log out |
//! | `GET /api/products/{id}` | a product's page |
//! | `GET /api/reports/ratings` | mean and median rating of each category, computed |
//! | `GET /api/metrics` | the service's own numbers |
//!
//! [`plain`] is what a careful axum author writes today; [`tuned`] adds the parts of Perfect21. Both serve the same
//! [`routes`] over the same [`Repository`].

mod backend;
mod error;
pub mod model;
pub mod plain;
mod repository;
mod routes;
mod seed;
pub mod tuned;

pub use backend::{CONNECTIONS, Database};
pub use error::ApiError;
pub use repository::{PostgresRepository, Queries, Repository, RepositoryError, SqliteRepository};
pub use routes::{Shop, routes};
pub use tuned::Counted;
