//! The plain service: pooled connections, prepared statements, gzip; no cache and no limit.

use super::{
    repository::Repository,
    routes::{Shop, routes},
};
use axum::Router;
use serde_json::json;
use std::sync::Arc;
use tower_http::compression::{CompressionLayer, predicate::SizeAbove};

/// The API as a careful axum author writes it today.
pub fn service(repository: Arc<dyn Repository>) -> Router {
    let metrics = Arc::new(|| json!({ "note": "the plain service counts nothing" }));
    routes(Shop { repository, metrics }).layer(CompressionLayer::new().compress_when(SizeAbove::new(1000)))
}
