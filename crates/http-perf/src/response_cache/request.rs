//! What a request asks of the cache.

use super::{
    directives::{self, RequestDirectives},
    encoding::Encodings,
    key::Key,
};
use http::{HeaderMap, Method, Request, header};

/// How a request goes through the cache.
pub(super) enum Wish {
    /// Neither looked up nor stored.
    Bypass,
    /// May change what lies under this URI (a key of any encoding).
    Change(Key),
    /// An answer may be looked up, and for GET stored.
    Read(Read),
}

pub(super) struct Read<K = Key> {
    pub(super) key: K,
    pub(super) encodings: Encodings,
    pub(super) directives: RequestDirectives,
    /// A HEAD: answered from what a GET has stored, and stores nothing.
    pub(super) head: bool,
    /// The client has a copy and asks whether it is still right.
    pub(super) conditional: bool,
}

impl Read {
    pub(super) fn split(self) -> (Key, Read<()>) {
        let Self { key, encodings, directives, head, conditional } = self;
        (key, Read { key: (), encodings, directives, head, conditional })
    }
}

impl Wish {
    pub(super) fn of<B: http_body::Body>(request: &Request<B>) -> Self {
        let (method, headers) = (request.method(), request.headers());
        let head = match *method {
            Method::GET => false,
            Method::HEAD => true,
            Method::OPTIONS | Method::TRACE | Method::CONNECT => return Self::Bypass,
            // Every other method may be unsafe, the unknown ones too (RFC 9111 section 4.4).
            _ => return Key::of(request, Encodings::NONE).map_or(Self::Bypass, Self::Change),
        };
        if !request.body().is_end_stream() || PERSONAL.iter().any(|name| headers.contains_key(name)) {
            return Self::Bypass;
        }
        let directives = directives::of_request(headers);
        let encodings = Encodings::of_request(headers);
        let (false, Some(encodings)) = (directives.no_store, encodings) else { return Self::Bypass };
        let Some(key) = Key::of(request, encodings) else { return Self::Bypass };
        let conditional = is_conditional(headers);
        Self::Read(Read { key, encodings, directives, head, conditional })
    }
}

/// Requests with one of these are never answered from the store, nor are their answers stored: they are for one
/// person, for a part, for a state that only the service knows, or no plain requests at all.
const PERSONAL: [header::HeaderName; 10] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::UPGRADE,
    header::EXPECT,
    header::TRANSFER_ENCODING,
];

fn is_conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(header::IF_NONE_MATCH) || headers.contains_key(header::IF_MODIFIED_SINCE)
}
