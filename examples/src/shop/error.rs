use super::repository::RepositoryError;
use argon2::password_hash;
use axum::{
    Json,
    http::{StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// What the API answers when it cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// 404.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// 401.
    #[error("a valid session or password is needed")]
    Unauthorized,
    /// 422.
    #[error("{0}")]
    Invalid(&'static str),
    /// 409 or 503.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// 500.
    #[error("the password could not be hashed")]
    Hash(#[source] password_hash::Error),
    /// 500.
    #[error("a computation was cut short")]
    Computation(#[from] tokio::task::JoinError),
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Repository(RepositoryError::Conflict) => StatusCode::CONFLICT,
            Self::Repository(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Hash(_) | Self::Computation(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = Json(json!({ "error": self.to_string() }));
        match self {
            Self::Unauthorized => (status, [(WWW_AUTHENTICATE, "Bearer")], body).into_response(),
            _ => (status, body).into_response(),
        }
    }
}
