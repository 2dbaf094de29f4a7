use super::chunked::Chunked;
use httparse::{ParserConfig, Status};
use std::mem::{self, MaybeUninit};

/// The longest head that is accepted.
const MAX_HEAD: usize = 64 * 1024;
/// The most headers that are accepted.
const MAX_HEADERS: usize = 100;

/// An answer that is not HTTP/1.x, or goes on where it should have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What is kept of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Whether the connection can take the next request.
    pub(crate) keep_alive: bool,
    /// Whether the watched header was there with the watched value.
    pub(crate) matched: bool,
}

/// The header whose matches are counted.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) name: Box<str>,
    pub(crate) value: Box<str>,
}

/// Reads one answer after another out of pieces of any size (RFC 9112), without keeping bodies.
///
/// Pure: no I/O, no time. Holds bytes only while a head is incomplete, at most [`MAX_HEAD`].
#[derive(Debug)]
pub(crate) struct ResponseParser {
    watched: Option<Watched>,
    state: State,
    partial_head: Vec<u8>,
    /// Whether the answer is one to HEAD.
    head: bool,
}

#[derive(Debug)]
enum State {
    Head,
    Body(Response, Body),
}

#[derive(Debug)]
enum Body {
    Empty,
    Sized(u64),
    Chunked(Chunked),
    UntilClose,
}

impl ResponseParser {
    pub(crate) fn new(watched: Option<Watched>) -> Self {
        Self { watched, state: State::Head, partial_head: Vec::new(), head: false }
    }

    /// Forgets what was read and expects the answer to a new request.
    pub(crate) fn begin(&mut self, head: bool) {
        self.state = State::Head;
        self.partial_head.clear();
        self.head = head;
    }

    /// Takes the next piece; returns the answer once it is complete. A piece that goes on beyond it is malformed, as
    /// nothing else was asked for.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Result<Option<Response>, Malformed> {
        if self.partial_head.is_empty() {
            let (response, consumed) = self.advance(input)?;
            self.partial_head.extend_from_slice(&input[consumed..]);
            return self.check(response);
        }
        let mut buffer = mem::take(&mut self.partial_head);
        buffer.extend_from_slice(input);
        let (response, consumed) = self.advance(&buffer)?;
        buffer.drain(..consumed);
        self.partial_head = buffer;
        self.check(response)
    }

    /// The connection was closed: the end of an answer without a length, and an answer cut off otherwise.
    pub(crate) fn close(&mut self) -> Option<Response> {
        match mem::replace(&mut self.state, State::Head) {
            State::Body(response, Body::UntilClose) => Some(response),
            _ => None,
        }
    }

    fn check(&self, response: Option<Response>) -> Result<Option<Response>, Malformed> {
        let limit = if response.is_some() { 0 } else { MAX_HEAD };
        if self.partial_head.len() > limit { Err(Malformed) } else { Ok(response) }
    }

    /// What is not consumed, without an answer, is the beginning of a head.
    fn advance(&mut self, input: &[u8]) -> Result<(Option<Response>, usize), Malformed> {
        let mut at = 0;
        loop {
            match &mut self.state {
                State::Head => match self.parse_head(&input[at..])? {
                    None => return Ok((None, at)),
                    Some((length, found)) => {
                        at += length;
                        // An interim answer is followed by another head.
                        if let Some((response, body)) = found {
                            self.state = State::Body(response, body);
                        }
                    }
                },
                State::Body(response, body) => {
                    let (consumed, done) = body.advance(&input[at..])?;
                    let response = *response;
                    return Ok((done.then_some(response), at + consumed));
                }
            }
        }
    }

    /// Returns the head's length and, unless it is an interim one, what it says.
    #[allow(clippy::type_complexity, reason = "used in one place")]
    fn parse_head(&self, input: &[u8]) -> Result<Option<(usize, Option<(Response, Body)>)>, Malformed> {
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut []);
        let parsed =
            ParserConfig::default().parse_response_with_uninit_headers(&mut head, input, &mut headers);
        let length = match parsed.map_err(|_| Malformed)? {
            Status::Partial => return Ok(None),
            Status::Complete(length) if length > MAX_HEAD => return Err(Malformed),
            Status::Complete(length) => length,
        };
        let status = head.code.ok_or(Malformed)?;
        match status {
            // No upgrade was asked for.
            0..100 | 101 => return Err(Malformed),
            100..200 => return Ok(Some((length, None))),
            _ => {}
        }
        let fields = Fields::read(head.headers, self.watched.as_ref())?;
        let bodyless = self.head || status == 204 || status == 304;
        let (body, framed) = match fields {
            _ if bodyless => (Body::Empty, true),
            Fields { transfer_encoding: Some(chunked), .. } if chunked => {
                (Body::Chunked(Chunked::new()), true)
            }
            Fields { transfer_encoding: Some(_), .. } => (Body::UntilClose, false),
            Fields { content_length: Some(length), .. } => (Body::Sized(length), true),
            _ => (Body::UntilClose, false),
        };
        // RFC 9112 6.1: a message with both lengths may be an attack; the connection is not used again.
        let doubtful = fields.transfer_encoding.is_some()
            && (fields.content_length.is_some() || head.version == Some(0));
        let wanted = if head.version == Some(0) { fields.keep_alive } else { !fields.close };
        let keep_alive = framed && !doubtful && wanted && !fields.close;
        Ok(Some((length, Some((Response { status, keep_alive, matched: fields.matched }, body)))))
    }
}

impl Body {
    /// Returns how much of the input belongs to the body, and whether it is complete.
    fn advance(&mut self, input: &[u8]) -> Result<(usize, bool), Malformed> {
        Ok(match self {
            Self::Empty => (0, true),
            Self::Sized(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= taken as u64;
                (taken, *left == 0)
            }
            Self::Chunked(chunked) => chunked.advance(input)?,
            Self::UntilClose => (input.len(), false),
        })
    }
}

/// The few headers that matter.
#[derive(Debug, Default)]
struct Fields {
    content_length: Option<u64>,
    /// Whether the last transfer coding is `chunked`.
    transfer_encoding: Option<bool>,
    close: bool,
    keep_alive: bool,
    matched: bool,
}

impl Fields {
    fn read(headers: &[httparse::Header<'_>], watched: Option<&Watched>) -> Result<Self, Malformed> {
        let mut fields = Self::default();
        for httparse::Header { name, value } in headers {
            match name.len() {
                14 if name.eq_ignore_ascii_case("content-length") => {
                    for part in value.split(|b| *b == b',') {
                        let length = parse_length(part.trim_ascii())?;
                        if fields.content_length.replace(length).is_some_and(|other| other != length) {
                            return Err(Malformed);
                        }
                    }
                }
                17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                    let last = value.rsplit(|b| *b == b',').next().unwrap_or_default();
                    fields.transfer_encoding = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
                }
                10 if name.eq_ignore_ascii_case("connection") => {
                    for option in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                        fields.close |= option.eq_ignore_ascii_case(b"close");
                        fields.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                _ => {}
            }
            fields.matched |= watched.is_some_and(|watched| {
                name.eq_ignore_ascii_case(&watched.name)
                    && value.trim_ascii().eq_ignore_ascii_case(watched.value.as_bytes())
            });
        }
        Ok(fields)
    }
}

fn parse_length(digits: &[u8]) -> Result<u64, Malformed> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(Malformed)
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
