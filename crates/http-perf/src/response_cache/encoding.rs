//! Content codings: which of them a client takes, as a small set that is part of the key.

use super::directives::{is_token, next_element};
use http::{HeaderMap, header};

/// The codings told apart; a client's others are as if it had not named them.
const CODINGS: [&str; 4] = ["gzip", "br", "zstd", "deflate"];

/// The codings that a client takes besides the plain one: one of sixteen sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encodings(u8);

impl Encodings {
    /// The plain form alone.
    pub(super) const NONE: Self = Self(0);

    /// All sets there are.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..1 << CODINGS.len()).map(Self)
    }

    /// What the request's `Accept-Encoding` says; `None` where it is malformed, takes anything (`*`), or refuses the
    /// plain form: such a request's answer is not for others.
    pub(super) fn of_request(headers: &HeaderMap) -> Option<Self> {
        let mut taken = 0;
        for line in headers.get_all(header::ACCEPT_ENCODING) {
            let mut rest = line.as_bytes();
            while !rest.is_empty() {
                let element;
                (element, rest) = next_element(rest);
                if element.trim_ascii().is_empty() {
                    continue;
                }
                let (coding, wanted) = coding(element)?;
                if coding == b"*" || (!wanted && coding.eq_ignore_ascii_case(b"identity")) {
                    return None;
                }
                let bit = bit(coding).unwrap_or(0);
                taken = if wanted { taken | bit } else { taken & !bit };
            }
        }
        Some(Self(taken))
    }

    /// Whether a client of this set can read the answer: it is plain, or in one coding of the set.
    pub(super) fn allow(self, answer: &HeaderMap) -> bool {
        let mut codings = answer.get_all(header::CONTENT_ENCODING).iter();
        match (codings.next(), codings.next()) {
            (None, _) => true,
            (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"identity") => true,
            (Some(one), None) => bit(one.as_bytes()).is_some_and(|bit| self.0 & bit != 0),
            _ => false,
        }
    }

    /// One letter that names the set.
    pub(super) fn letter(self) -> char {
        char::from(b'A' + self.0)
    }
}

fn bit(coding: &[u8]) -> Option<u8> {
    let place = CODINGS.iter().position(|known| coding.eq_ignore_ascii_case(known.as_bytes()))?;
    Some(1 << place)
}

/// `coding [ OWS ";" OWS "q=" qvalue ]`: the coding and whether its weight is above zero.
fn coding(element: &[u8]) -> Option<(&[u8], bool)> {
    let mut parts = element.splitn(2, |byte| *byte == b';');
    let name = parts.next()?.trim_ascii();
    let wanted = match parts.next().map(<[u8]>::trim_ascii) {
        None => true,
        Some([b'q' | b'Q', b'=', weight @ ..]) => is_above_zero(weight)?,
        Some(_) => return None,
    };
    is_token(name).then_some((name, wanted))
}

fn is_above_zero(weight: &[u8]) -> Option<bool> {
    match weight {
        [b'1'] => Some(true),
        [b'1', b'.', zeros @ ..] if zeros.len() <= 3 && zeros.iter().all(|byte| *byte == b'0') => Some(true),
        [b'0'] => Some(false),
        [b'0', b'.', digits @ ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => {
            Some(digits.iter().any(|byte| *byte != b'0'))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn accepts(text: &str) -> Option<Encodings> {
        let line = (header::ACCEPT_ENCODING, HeaderValue::from_str(text).unwrap());
        Encodings::of_request(&[line].into_iter().collect())
    }

    #[test]
    fn spellings_of_one_wish_are_one_set() {
        for (text, set) in [
            ("", 0),
            ("identity", 0),
            ("gzip", 1),
            ("GZIP;q=0.5", 1),
            ("gzip, deflate", 9),
            ("deflate ; q=1.000,gzip;q=0.001", 9),
            ("br, gzip, zstd, dcb, dcz", 7),
            ("gzip;q=0", 0),
            ("gzip, br;q=0.000", 1),
        ] {
            assert_eq!(accepts(text), Some(Encodings(set)), "{text}");
        }
    }

    #[test]
    fn what_is_doubtful_is_not_shared() {
        for text in
            ["*", "gzip, *;q=0", "identity;q=0", "gzip;q=2", "gzip;x=1", "gzip;q=", "gz ip", "gzip;q=0.0001"]
        {
            assert_eq!(accepts(text), None, "{text}");
        }
    }

    #[test]
    fn a_coding_outside_the_set_is_not_allowed() {
        let coded = |lines: &[&'static str]| -> HeaderMap {
            lines.iter().map(|line| (header::CONTENT_ENCODING, HeaderValue::from_static(line))).collect()
        };
        let gzip = Encodings(1);
        for (lines, allowed) in [
            (&[][..], true),
            (&["identity"], true),
            (&["gzip"], true),
            (&["br"], false),
            (&["gzip, br"], false),
            (&["gzip", "gzip"], false),
            (&["dcb"], false),
        ] {
            assert_eq!(gzip.allow(&coded(lines)), allowed, "{lines:?}");
        }
        assert!(!Encodings(0).allow(&coded(&["gzip"])));
    }
}
