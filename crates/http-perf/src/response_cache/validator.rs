//! Whether a client that asks "is my copy still right" has the stored answer (RFC 9110 section 13.1).

use super::directives::next_element;
use http::{HeaderMap, HeaderValue, header};

/// `If-None-Match` decides where it stands; else `If-Modified-Since`. What cannot be read matches nothing.
pub(super) fn is_known(stored: &HeaderMap, request: &HeaderMap) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        let etag = stored.get(header::ETAG).map(HeaderValue::as_bytes);
        return request.get_all(header::IF_NONE_MATCH).iter().any(|line| names(line.as_bytes(), etag));
    }
    let date = |headers: &HeaderMap, name| {
        let mut lines = headers.get_all(name).iter();
        let (line, None) = (lines.next()?, lines.next()) else { return None };
        httpdate::parse_http_date(line.to_str().ok()?).ok()
    };
    match (date(stored, header::LAST_MODIFIED), date(request, header::IF_MODIFIED_SINCE)) {
        (Some(modified), Some(since)) => modified <= since,
        _ => false,
    }
}

/// Whether the list is `*`, or holds the tag; weak and strong tags of one text match.
fn names(mut list: &[u8], etag: Option<&[u8]>) -> bool {
    if list.trim_ascii() == b"*" {
        return true;
    }
    let Some(etag) = etag.and_then(opaque) else { return false };
    while !list.is_empty() {
        let element;
        (element, list) = next_element(list);
        if opaque(element.trim_ascii()) == Some(etag) {
            return true;
        }
    }
    false
}

/// The text of an entity tag, in its quotes. Tags know no escapes: one with a backslash may be split wrongly in a
/// list, and then matches nothing.
fn opaque(tag: &[u8]) -> Option<&[u8]> {
    let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
    let [b'"', text @ .., b'"'] = tag else { return None };
    (!text.contains(&b'"')).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (header::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn a_copy_is_known_by_its_tag_or_else_by_its_date() {
        let stored = headers(&[("etag", "\"a,b\""), ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")]);
        let since = |date| ("if-modified-since", date);
        for (lines, known) in [
            (&[][..], false),
            (&[("if-none-match", "\"a,b\"")], true),
            (&[("if-none-match", "W/\"a,b\"")], true),
            (&[("if-none-match", "\"x\", W/\"a,b\"")], true),
            (&[("if-none-match", "\"x\""), ("if-none-match", "\"a,b\"")], true),
            (&[("if-none-match", "*")], true),
            (&[("if-none-match", "a,b")], false),
            (&[("if-none-match", "\"a\"")], false),
            (&[("if-none-match", "\"a,b")], false),
            (&[("if-none-match", "")], false),
            (&[("if-none-match", "\"x\""), since("Sun, 06 Nov 1994 08:49:37 GMT")], false),
            (&[since("Sun, 06 Nov 1994 08:49:37 GMT")], true),
            (&[since("Sun, 06 Nov 1994 08:49:38 GMT")], true),
            (&[since("Sun, 06 Nov 1994 08:49:36 GMT")], false),
            (&[since("now")], false),
        ] {
            assert_eq!(is_known(&stored, &headers(lines)), known, "{lines:?}");
        }
        assert!(!is_known(&HeaderMap::new(), &headers(&[("if-none-match", "\"a\"")])));
        assert!(!is_known(&HeaderMap::new(), &headers(&[since("Sun, 06 Nov 1994 08:49:37 GMT")])));
    }
}
