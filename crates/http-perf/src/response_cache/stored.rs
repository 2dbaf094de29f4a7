//! A stored answer, and the answers made of it.

use super::{CacheBody, answer::Freshness, directives::RequestDirectives, validator};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Body;
use std::time::{Duration, Instant};

pub(super) const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
pub(super) const HIT: HeaderValue = HeaderValue::from_static("HIT");
pub(super) const MISS: HeaderValue = HeaderValue::from_static("MISS");
pub(super) const BYPASS: HeaderValue = HeaderValue::from_static("BYPASS");

/// A complete answer. Its headers hold all that a hit sends, so that a hit clones them once and sets `Age`.
pub(super) struct Stored {
    headers: HeaderMap,
    body: Bytes,
    freshness: Freshness,
    /// When it was asked for: it is at least as old as that (RFC 9111 section 4.2.3).
    requested: Instant,
}

impl Stored {
    /// `headers` without those of the connection, and a `Date`.
    pub(super) fn new(mut headers: HeaderMap, body: Bytes, freshness: Freshness, requested: Instant) -> Self {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        headers.insert(header::AGE, HeaderValue::from(0));
        headers.insert(X_CACHE, HIT);
        Self { headers, body, freshness, requested }
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        self.freshness.age.saturating_add(now.saturating_duration_since(self.requested))
    }

    /// How much longer it may be used.
    pub(super) fn fresh_for(&self, now: Instant) -> Option<Duration> {
        self.freshness.lifetime.checked_sub(self.age(now)).filter(|left| !left.is_zero())
    }

    /// Whether it is fresh, and as fresh as the client wants it.
    pub(super) fn satisfies(&self, wanted: &RequestDirectives, now: Instant) -> bool {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let Some(left) = self.fresh_for(now) else { return false };
        !wanted.no_cache
            && wanted.max_age.is_none_or(|max_age| self.age(now) <= seconds(max_age))
            && wanted.min_fresh.is_none_or(|min_fresh| left >= seconds(min_fresh))
    }

    /// What it costs in memory: body, headers with their table, and what stands around them.
    pub(super) fn weight(&self) -> u64 {
        const OF_AN_ENTRY: usize = 256;
        // A slot of the header table holds name, value and links in about 104 bytes, and is found by 4 to 8 more.
        const OF_A_HEADER: usize = 112;
        let texts: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let slots = self.headers.capacity().max(self.headers.len()) * OF_A_HEADER;
        (OF_AN_ENTRY + self.body.len() + texts + slots) as u64
    }

    /// Whether the client already has this very answer.
    pub(super) fn is_known_to(&self, request: &HeaderMap) -> bool {
        validator::is_known(&self.headers, request)
    }

    /// The answer; to a HEAD without the body.
    pub(super) fn answer<B: Body>(&self, head: bool, now: Instant) -> Response<CacheBody<B>> {
        let body = if head { Bytes::new() } else { self.body.clone() };
        let mut response = Response::new(CacheBody::stored(body));
        *response.headers_mut() = self.headers.clone();
        self.set_age(response.headers_mut(), now);
        response
    }

    /// A 304 with the headers that the client's copy is to be brought up to date with (RFC 9110 section 15.4.5).
    pub(super) fn not_modified<B: Body>(&self, now: Instant) -> Response<CacheBody<B>> {
        const SENT: [HeaderName; 7] = [
            header::CACHE_CONTROL,
            header::CONTENT_LOCATION,
            header::DATE,
            header::ETAG,
            header::EXPIRES,
            header::LAST_MODIFIED,
            header::VARY,
        ];
        let mut response = Response::new(CacheBody::stored(Bytes::new()));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        for name in SENT {
            for value in self.headers.get_all(&name) {
                response.headers_mut().append(&name, value.clone());
            }
        }
        response.headers_mut().insert(X_CACHE, HIT);
        self.set_age(response.headers_mut(), now);
        response
    }

    fn set_age(&self, headers: &mut HeaderMap, now: Instant) {
        headers.insert(header::AGE, HeaderValue::from(self.age(now).as_secs()));
    }
}
