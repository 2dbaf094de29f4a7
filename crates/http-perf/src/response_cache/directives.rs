//! Reads `Cache-Control` (RFC 9111 section 5.2), and takes what is doubtful the strict way.

use http::{HeaderMap, header};

/// The longest time a directive can name: 2³¹ seconds; a larger number means this one (RFC 9111 section 1.2.2).
const LONGEST: u32 = 1 << 31;

/// What an answer's `Cache-Control` says to a shared cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct AnswerDirectives {
    /// `s-maxage`, else `max-age`.
    pub(super) lifetime: Option<u32>,
    /// Something forbids to store it, or to use it unasked.
    pub(super) forbidden: bool,
    /// Something could not be read, or contradicts itself.
    pub(super) malformed: bool,
}

/// What a request's `Cache-Control` and `Pragma` demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RequestDirectives {
    /// The answer must not be stored.
    pub(super) no_store: bool,
    /// The answer must not come from the store.
    pub(super) no_cache: bool,
    /// The oldest stored answer that will do, in seconds.
    pub(super) max_age: Option<u32>,
    /// How long a stored answer must stay fresh, in seconds.
    pub(super) min_fresh: Option<u32>,
}

pub(super) fn of_answer(headers: &HeaderMap) -> AnswerDirectives {
    let (mut max_age, mut s_maxage) = (Seconds::default(), Seconds::default());
    let mut read = AnswerDirectives::default();
    let well_formed = each_directive(headers, header::CACHE_CONTROL, |name, argument| {
        if is(name, "max-age") {
            max_age.take(argument);
        } else if is(name, "s-maxage") {
            s_maxage.take(argument);
        } else if FORBIDDING.iter().any(|forbidding| is(name, forbidding)) {
            read.forbidden = true;
        }
    });
    read.malformed = !well_formed || max_age.doubtful || s_maxage.doubtful;
    read.lifetime = s_maxage.value.or(max_age.value);
    read.forbidden |= has_pragma_no_cache(headers);
    read
}

/// `no-cache` and `private` count in full even where they name fields. `must-understand` would allow some answers that
/// `no-store` forbids, and asks to know each status code; without it fewer are stored.
const FORBIDDING: [&str; 4] = ["no-store", "no-cache", "private", "must-understand"];

pub(super) fn of_request(headers: &HeaderMap) -> RequestDirectives {
    let (mut max_age, mut min_fresh) = (Seconds::default(), Seconds::default());
    let mut read = RequestDirectives::default();
    let well_formed = each_directive(headers, header::CACHE_CONTROL, |name, argument| {
        if is(name, "no-store") {
            read.no_store = true;
        } else if is(name, "no-cache") {
            read.no_cache = true;
        } else if is(name, "max-age") {
            max_age.take(argument);
        } else if is(name, "min-fresh") {
            min_fresh.take(argument);
        }
    });
    (read.max_age, read.min_fresh) = (max_age.value, min_fresh.value);
    read.no_cache |= !well_formed || max_age.doubtful || min_fresh.doubtful;
    read.no_cache |= read.max_age == Some(0) || has_pragma_no_cache(headers);
    read
}

fn has_pragma_no_cache(headers: &HeaderMap) -> bool {
    let mut found = false;
    let well_formed = each_directive(headers, header::PRAGMA, |name, _| found |= is(name, "no-cache"));
    found || !well_formed
}

/// A number of seconds that may stand several times, but not with different values.
#[derive(Default)]
struct Seconds {
    value: Option<u32>,
    doubtful: bool,
}

impl Seconds {
    fn take(&mut self, argument: Option<&[u8]>) {
        let seconds = argument.and_then(seconds);
        self.doubtful |= seconds.is_none() || (self.value.is_some() && self.value != seconds);
        self.value = seconds;
    }
}

/// `delta-seconds`: digits and nothing else. A quoted number is refused, as senders must not write one.
pub(super) fn seconds(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |sum: u32, byte: &u8| sum.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
    Some(text.iter().fold(0, digit).min(LONGEST))
}

fn is(name: &[u8], expected: &str) -> bool {
    name.eq_ignore_ascii_case(expected.as_bytes())
}

/// Hands each directive of all lines of a header to `take`; `false` when a part of it is not one.
fn each_directive<'a>(
    headers: &'a HeaderMap,
    header: header::HeaderName,
    mut take: impl FnMut(&'a [u8], Option<&'a [u8]>),
) -> bool {
    let mut well_formed = true;
    for line in headers.get_all(header) {
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            let element;
            (element, rest) = next_element(rest);
            match element.trim_ascii() {
                [] => {}
                element => match directive(element) {
                    Some((name, argument)) => take(name, argument),
                    None => well_formed = false,
                },
            }
        }
    }
    well_formed
}

/// Splits at the first comma that does not stand in quotes.
pub(super) fn next_element(list: &[u8]) -> (&[u8], &[u8]) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in list.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return (&list[..at], &list[at + 1..]),
            _ => {}
        }
    }
    (list, &[])
}

/// `token [ "=" ( token / quoted-string ) ]`; a quoted argument keeps its quotes.
fn directive(element: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let Some(equals) = element.iter().position(|byte| *byte == b'=') else {
        return is_token(element).then_some((element, None));
    };
    let (name, argument) = (&element[..equals], &element[equals + 1..]);
    (is_token(name) && (is_token(argument) || is_quoted(argument))).then_some((name, Some(argument)))
}

pub(super) fn is_token(text: &[u8]) -> bool {
    let is_token_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_token_byte)
}

fn is_quoted(text: &[u8]) -> bool {
    let [b'"', inside @ .., b'"'] = text else { return false };
    let mut escaped = false;
    for byte in inside {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            _ => {}
        }
    }
    !escaped
}

#[cfg(test)]
#[path = "directives_tests.rs"]
mod tests;
