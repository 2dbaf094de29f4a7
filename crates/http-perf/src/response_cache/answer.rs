//! Which answers may be stored, and for how long.

use super::{Refusal, directives, encoding::Encodings};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, response::Parts};
use std::time::{Duration, SystemTime};

/// How long an answer is fresh, and how old it already was when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Freshness {
    pub(super) lifetime: Duration,
    pub(super) age: Duration,
}

/// Whether every client that takes these encodings may get this answer to a GET, from its head.
pub(super) fn storable(
    parts: &Parts,
    encodings: Encodings,
    wall: impl FnOnce() -> SystemTime,
) -> Result<Freshness, Refusal> {
    let headers = &parts.headers;
    if parts.status != StatusCode::OK || headers.contains_key(header::CONTENT_RANGE) {
        return Err(Refusal::Status);
    }
    if headers.contains_key(header::SET_COOKIE) || headers.contains_key("set-cookie2") {
        return Err(Refusal::SetCookie);
    }
    let directives = directives::of_answer(headers);
    if directives.forbidden {
        return Err(Refusal::Forbidden);
    }
    if directives.malformed {
        return Err(Refusal::Malformed);
    }
    let Some(lifetime) = directives.lifetime else { return Err(Refusal::NoLifetime) };
    if !varies_by_encoding_only(headers) || !encodings.allow(headers) {
        return Err(Refusal::Vary);
    }
    let lifetime = Duration::from_secs(lifetime.into());
    let age = age(headers, wall).ok_or(Refusal::Malformed)?;
    if lifetime <= age {
        return Err(Refusal::Stale);
    }
    Ok(Freshness { lifetime, age })
}

fn varies_by_encoding_only(headers: &HeaderMap) -> bool {
    headers.get_all(header::VARY).iter().all(|line| {
        let mut names = line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        names.all(|name| {
            name.is_empty() || name.eq_ignore_ascii_case(header::ACCEPT_ENCODING.as_str().as_bytes())
        })
    })
}

/// The larger of what `Age` says and what `Date` shows (RFC 9111 section 4.2.3); `None` where either is no such thing.
fn age(headers: &HeaderMap, wall: impl FnOnce() -> SystemTime) -> Option<Duration> {
    let stated = match one(headers, header::AGE).ok()? {
        Some(age) => Duration::from_secs(directives::seconds(age.as_bytes())?.into()),
        None => Duration::ZERO,
    };
    let apparent = match one(headers, header::DATE).ok()? {
        Some(date) => wall().duration_since(httpdate::parse_http_date(date).ok()?).unwrap_or_default(),
        None => Duration::ZERO,
    };
    // A date has whole seconds only: without this, an answer of this very second would look up to a second old.
    Some(stated.max(Duration::from_secs(apparent.as_secs())))
}

struct NotOne;

fn one(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, NotOne> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => line.to_str().map(Some).map_err(|_| NotOne),
        _ => Err(NotOne),
    }
}

/// What `Content-Length` announces. A header that cannot be right is the server's to complain about.
pub(super) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    one(headers, header::CONTENT_LENGTH).ok()??.parse().ok()
}

/// Headers that belong to one connection or to a proxy, and not to the answer (RFC 9110 section 7.6.1, RFC 9111
/// section 3.1).
const OF_THE_CONNECTION: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Takes out what must not be stored: what belongs to the connection, and what `Connection` names.
pub(super) fn strip_connection_headers(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .collect();
        named.iter().for_each(|name| drop(headers.remove(name)));
    }
    OF_THE_CONNECTION.iter().for_each(|name| drop(headers.remove(*name)));
}

/// Says when an answer came that does not say it itself (RFC 9110 section 6.6.1).
pub(super) fn date(headers: &mut HeaderMap, wall: impl FnOnce() -> SystemTime) {
    /// The year 10 000, which the format has no room for.
    const END: Duration = Duration::from_secs(253_402_300_800);
    if headers.contains_key(header::DATE) {
        return;
    }
    let wall = wall();
    if wall.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since < END)
        && let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(wall))
    {
        headers.insert(header::DATE, date);
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
