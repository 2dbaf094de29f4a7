use super::{Upstream, UpstreamError, send::Sent};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderName},
    uri::PathAndQuery,
};
use http_body::Body;
use http_body_util::Full;
use serde::{Serialize, de::DeserializeOwned};
use std::{error::Error, fmt};
use tower_service::Service;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request that is being put together; made by [`Upstream::request`].
#[must_use = "a request is sent by .send()"]
pub struct Request<'a, C> {
    upstream: &'a Upstream<C>,
    /// The first thing that was wrong.
    parts: Result<Parts, UpstreamError>,
}

/// What is sent, perhaps more than once.
pub(super) struct Parts {
    pub(super) method: Method,
    pub(super) path: PathAndQuery,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) may_repeat: bool,
}

impl<'a, C> Request<'a, C> {
    pub(super) fn new(upstream: &'a Upstream<C>, method: Method, path: &str) -> Self {
        let parsed = PathAndQuery::try_from(path).map_err(Box::from);
        let parsed = parsed.and_then(|parsed| {
            if path.starts_with('/') { Ok(parsed) } else { Err("it must begin with a slash".into()) }
        });
        let parts = parsed.map_err(|source| bad(format!("the path `{path}`"), source)).map(|path| Parts {
            may_repeat: method.is_idempotent(),
            method,
            path,
            headers: HeaderMap::from_iter([(ACCEPT, JSON)]),
            body: Bytes::new(),
        });
        Self { upstream, parts }
    }

    /// A header more, instead of one of that name.
    pub fn header(self, name: HeaderName, value: impl AsRef<[u8]>) -> Self {
        self.with(|parts| {
            let value = HeaderValue::from_bytes(value.as_ref());
            let value = value.map_err(|error| bad(format!("the header `{name}`"), error.into()))?;
            parts.headers.insert(name, value);
            Ok(())
        })
    }

    /// This as its body, in JSON.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.with(|parts| {
            let body = serde_json::to_vec(body).map_err(|error| bad("the body".to_owned(), error.into()))?;
            parts.body = body.into();
            parts.headers.insert(CONTENT_TYPE, JSON);
            Ok(())
        })
    }

    /// Whether it may be made twice. Default: as its method says.
    pub fn idempotent(self, may_repeat: bool) -> Self {
        self.with(|parts| {
            parts.may_repeat = may_repeat;
            Ok(())
        })
    }

    fn with(mut self, change: impl FnOnce(&mut Parts) -> Result<(), UpstreamError>) -> Self {
        self.parts = self.parts.and_then(|mut parts| change(&mut parts).map(|()| parts));
        self
    }

    /// Asks, and reads the answer as JSON.
    ///
    /// # Errors
    /// If the request is not valid, no server was there or answered in time, or the last that was asked answered without
    /// success, too much, or not with this.
    ///
    /// # Cancel safety
    /// Dropped, the try that runs is given up: its server may have done what was asked.
    pub async fn send<T: DeserializeOwned, B>(self) -> Result<T, UpstreamError>
    where
        C: Service<http::Request<Full<Bytes>>, Response = http::Response<B>> + Clone,
        C::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Sent { origin, body } = self.ask().await?;
        serde_json::from_slice(&body).map_err(|source| UpstreamError::Decode { origin, source })
    }

    /// Asks, and gives the body of an answer with success as it is.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_for_bytes<B>(self) -> Result<Bytes, UpstreamError>
    where
        C: Service<http::Request<Full<Bytes>>, Response = http::Response<B>> + Clone,
        C::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Ok(self.ask().await?.body)
    }

    async fn ask<B>(self) -> Result<Sent, UpstreamError>
    where
        C: Service<http::Request<Full<Bytes>>, Response = http::Response<B>> + Clone,
        C::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.upstream.ask(&self.parts?).await
    }
}

pub(super) fn bad(what: String, source: Box<dyn Error + Send + Sync>) -> UpstreamError {
    UpstreamError::BadRequest { what, source }
}

impl<C> fmt::Debug for Request<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Request");
        if let Ok(parts) = &self.parts {
            shown.field("method", &parts.method).field("path", &parts.path);
        }
        shown.finish_non_exhaustive()
    }
}
