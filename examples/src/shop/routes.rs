//! The handlers, the same for both services.

use super::{
    error::ApiError,
    model::{CategoryRatings, Credentials, NewUser, ProductPage, Session, User},
    repository::Repository,
};
use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, State},
    http::{
        HeaderName, StatusCode,
        header::{AUTHORIZATION, CACHE_CONTROL},
        request::Parts,
    },
    routing::{get, post},
};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// What the handlers share.
#[derive(Clone)]
#[non_exhaustive]
pub struct Shop {
    /// Where the data is.
    pub repository: Arc<dyn Repository>,
    /// What `/api/metrics` answers.
    pub metrics: Arc<dyn Fn() -> Value + Send + Sync>,
}

impl std::fmt::Debug for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shop").field("database", &self.repository.database()).finish_non_exhaustive()
    }
}

/// The routes, without any layer.
pub fn routes(shop: Shop) -> Router {
    Router::new()
        .route("/health", get(async || Json(json!({ "status": "healthy" }))))
        .route("/api/auth/health", get(auth_health))
        .route("/api/users", post(create_user))
        .route("/api/users/{id}", get(user))
        .route("/api/sessions", post(create_session))
        .route("/api/sessions/current", get(current_user).delete(end_session))
        .route("/api/products/{id}", get(product_page))
        .route("/api/reports/ratings", get(ratings))
        .route("/api/metrics", get(async |State(shop): State<Shop>| Json((shop.metrics)())))
        .with_state(shop)
}

async fn auth_health(State(shop): State<Shop>) -> Result<Json<Value>, ApiError> {
    shop.repository.ping().await?;
    Ok(Json(json!({ "status": "healthy", "database": shop.repository.database() })))
}

/// Pages and reports are the same for everyone, and may be five minutes old.
type Public<T> = ([(HeaderName, &'static str); 1], Json<T>);

fn public<T>(body: T) -> Public<T> {
    ([(CACHE_CONTROL, "public, max-age=300")], Json(body))
}

async fn product_page(
    State(shop): State<Shop>,
    Path(id): Path<i64>,
) -> Result<Public<ProductPage>, ApiError> {
    let page = shop.repository.product_page(id).await?;
    page.map(public).ok_or(ApiError::NotFound("product"))
}

async fn ratings(State(shop): State<Shop>) -> Result<Public<Vec<CategoryRatings>>, ApiError> {
    let counts = shop.repository.rating_counts().await?;
    Ok(public(CategoryRatings::compute(&counts)))
}

async fn user(State(shop): State<Shop>, Path(id): Path<i64>) -> Result<Json<User>, ApiError> {
    let user = shop.repository.user(id).await?;
    user.map(Json).ok_or(ApiError::NotFound("user"))
}

async fn create_user(
    State(shop): State<Shop>,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, Json<User>), ApiError> {
    if new.username.is_empty() || !new.email.contains('@') || new.password.len() < 8 {
        return Err(ApiError::Invalid(
            "a user needs a name, an e-mail address and a password of 8 bytes or more",
        ));
    }
    let password = new.password.clone();
    let hash = tokio::task::spawn_blocking(move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| hash.to_string()).map_err(ApiError::Hash)
    });
    let user = shop.repository.create_user(&new, &hash.await??).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

async fn create_session(
    State(shop): State<Shop>,
    Json(given): Json<Credentials>,
) -> Result<(StatusCode, Json<Session>), ApiError> {
    let (user, hash) = shop.repository.credentials(&given.username).await?.ok_or(ApiError::Unauthorized)?;
    let verified = tokio::task::spawn_blocking(move || {
        let hash = PasswordHash::new(&hash).ok()?;
        Argon2::default().verify_password(given.password.as_bytes(), &hash).ok()
    });
    verified.await?.ok_or(ApiError::Unauthorized)?;
    let session = Session { token: Uuid::new_v4().simple().to_string() };
    shop.repository.create_session(user.id, &session.token).await?;
    Ok((StatusCode::CREATED, Json(session)))
}

async fn current_user(State(shop): State<Shop>, token: Token) -> Result<Json<User>, ApiError> {
    let user = shop.repository.session(&token.0).await?;
    user.map(Json).ok_or(ApiError::Unauthorized)
}

async fn end_session(State(shop): State<Shop>, token: Token) -> Result<StatusCode, ApiError> {
    match shop.repository.end_session(&token.0).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::Unauthorized),
    }
}

/// The token of an `Authorization: Bearer` header.
struct Token(String);

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        token.map(|token| Self(token.to_owned())).ok_or(ApiError::Unauthorized)
    }
}
