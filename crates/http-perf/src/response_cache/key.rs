//! The key of a stored answer: authority, path and query, and the encodings that its client takes.

use super::encoding::Encodings;
use http::{HeaderMap, Request, Uri, header, uri::PathAndQuery};
use std::sync::Arc;

/// One letter for the encodings, the authority in lower case, a space, path and query. Neither of these can hold a
/// space, so that no two URIs share a text.
#[derive(Clone)]
pub(super) struct Key(String);

impl Key {
    /// `None` for a request whose URI is not clear: then it is nobody's but its own.
    pub(super) fn of<B>(request: &Request<B>, encodings: Encodings) -> Option<Self> {
        let path_and_query = request.uri().path_and_query()?;
        Self::new(authority(request.uri(), request.headers())?, path_and_query, encodings)
    }

    pub(super) fn new(authority: &str, path_and_query: &PathAndQuery, encodings: Encodings) -> Option<Self> {
        if !path_and_query.path().starts_with('/') || !authority.bytes().all(is_authority_byte) {
            return None;
        }
        let path_and_query = path_and_query.as_str();
        let mut text = String::with_capacity(authority.len() + path_and_query.len() + 2);
        text.push_str(authority);
        text.make_ascii_lowercase();
        text.insert(0, encodings.letter());
        text.push(' ');
        text.push_str(path_and_query);
        Some(Self(text))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The URI alone: the same for all encodings.
    pub(super) fn uri(&self) -> &str {
        Self::uri_of(&self.0)
    }

    /// The URI in the text of a key.
    pub(super) fn uri_of(key: &str) -> &str {
        &key[1..]
    }

    /// The keys of this URI in every encoding.
    pub(super) fn variants(mut self, mut each: impl FnMut(&str)) {
        for encodings in Encodings::all() {
            self.0.replace_range(..1, encodings.letter().encode_utf8(&mut [0; 4]));
            each(&self.0);
        }
    }
}

impl From<Key> for Arc<str> {
    fn from(key: Key) -> Self {
        key.0.into()
    }
}

/// What the client calls the service. Of two names that differ it is not known which one the service goes by, and the
/// answer to one must not be served to the other.
fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (None, _) => None,
        (Some(host), None) => Some(host.to_str().ok()?),
        _ => return None,
    };
    match (uri.authority().map(http::uri::Authority::as_str), named) {
        (Some(in_uri), Some(named)) if !in_uri.eq_ignore_ascii_case(named) => None,
        (Some(name), _) | (None, Some(name)) => Some(name),
        (None, None) => Some(""),
    }
}

fn is_authority_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_~:[]%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(uri: &str, hosts: &[&str]) -> Option<String> {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        Key::of(&request.body(()).unwrap(), Encodings::NONE).map(|key| key.0)
    }

    #[test]
    fn a_uri_has_one_key() {
        for (uri, hosts, text) in [
            ("/p?a=1&b", &["Shop.example:80"][..], "Ashop.example:80 /p?a=1&b"),
            ("http://shop.example/P", &[], "Ashop.example /P"),
            ("http://shop.example/P", &["SHOP.example"], "Ashop.example /P"),
            ("/", &[], "A /"),
        ] {
            assert_eq!(key(uri, hosts).as_deref(), Some(text), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn an_unclear_uri_has_none() {
        for (uri, hosts) in [
            ("/p", &["a", "b"][..]),
            ("/p", &["a", "a"]),
            ("http://victim/p", &["attacker"]),
            ("/p", &["victim /q"]),
            ("/p", &["user@victim"]),
            ("*", &["a"]),
        ] {
            assert_eq!(key(uri, hosts), None, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn variants_are_one_uri_in_sixteen_encodings() {
        let request = Request::builder().uri("http://a/b").body(()).unwrap();
        let mut keys = Vec::new();
        Key::of(&request, Encodings::NONE).unwrap().variants(|key| keys.push(key.to_owned()));
        assert_eq!(keys.len(), 16);
        assert_eq!((keys[0].as_str(), keys[15].as_str()), ("Aa /b", "Pa /b"));
    }
}
