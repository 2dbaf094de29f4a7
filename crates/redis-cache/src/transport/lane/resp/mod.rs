//! RESP3 as servers speak it, read as it comes: what is there of an answer is not looked at twice however many pieces it
//! comes in, and the texts of an answer share its memory.
//!
//! Everything of [the specification](https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md) but streamed
//! texts and aggregates, which no server sends; and what of RESP2 is said before `HELLO`.

use crate::transport::Reply;
use bytes::{Bytes, BytesMut};
use std::io;

/// What a server says at once.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    Reply(Reply),
    /// Unasked.
    Push(Vec<Reply>),
}

/// What types begin with.
const KINDS: &[u8] = b"+-:_#,($!=*~>%|";

/// How deep aggregates may be within each other. Ours are three deep.
const MAX_DEPTH: usize = 32;
/// The longest line, that of an error among them.
const MAX_LINE: usize = 64 << 10;

/// Finds where things end; remembers how far it has looked at the one that is not there whole.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    at: usize,
    /// The aggregates that are not at their end, the outermost first.
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    /// So many parts are to come.
    left: u64,
    /// An attribute is none of the parts of what it stands in.
    is_attribute: bool,
}

impl Decoder {
    /// The next thing that was said, if it is there whole; it is taken from `bytes`, which must begin where they did the last
    /// time and may have more at their end.
    ///
    /// # Errors
    /// What is not RESP3. There is no way to go on after that.
    pub(crate) fn next(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Said>> {
        if !self.is_whole(bytes)? {
            return Ok(None);
        }
        let whole = bytes.split_to(self.at).freeze();
        self.at = 0;
        Reader { whole: &whole, at: 0 }.said().map(Some)
    }

    /// Looks on from where it was, up to the end of what is said first.
    fn is_whole(&mut self, bytes: &[u8]) -> io::Result<bool> {
        loop {
            let Some(line) = Line::read(bytes, self.at)? else { return Ok(false) };
            match line.shape()? {
                Shape::Line => self.at = line.end,
                Shape::Bytes(length) => {
                    let Some(end) = line.end_of_bytes(length) else {
                        return Err(invalid("a text is too long"));
                    };
                    if bytes.len() < end {
                        return Ok(false);
                    }
                    if &bytes[end - 2..end] != b"\r\n" {
                        return Err(invalid("a text does not end where it says"));
                    }
                    self.at = end;
                }
                Shape::Parts(0) => self.at = line.end,
                Shape::Parts(left) => {
                    self.open(left, false)?;
                    self.at = line.end;
                    continue;
                }
                Shape::Attribute(left) => {
                    if left > 0 {
                        self.open(left, true)?;
                    }
                    self.at = line.end;
                    continue;
                }
            }
            if self.is_last() {
                return Ok(true);
            }
        }
    }

    fn open(&mut self, left: u64, is_attribute: bool) -> io::Result<()> {
        if self.open.len() == MAX_DEPTH {
            return Err(invalid("an answer has too many levels"));
        }
        self.open.push(Open { left, is_attribute });
        Ok(())
    }

    /// A part is at its end: whether all is.
    fn is_last(&mut self) -> bool {
        while let Some(open) = self.open.last_mut() {
            open.left -= 1;
            if open.left > 0 {
                return false;
            }
            let was_attribute = open.is_attribute;
            self.open.pop();
            if was_attribute {
                // What it belongs to follows.
                return false;
            }
        }
        true
    }
}

/// The line that everything begins with.
#[derive(Clone, Copy)]
struct Line<'a> {
    kind: u8,
    text: &'a [u8],
    /// Where `text` begins.
    start: usize,
    end: usize,
}

enum Shape {
    /// There is no more than the line.
    Line,
    /// So many bytes and the end of a line follow.
    Bytes(usize),
    /// So many of anything.
    Parts(u64),
    /// So many of anything, and then what they are said of.
    Attribute(u64),
}

impl<'a> Line<'a> {
    /// The line that begins there, if it is there whole.
    fn read(bytes: &'a [u8], at: usize) -> io::Result<Option<Self>> {
        let Some((&kind, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) else { return Ok(None) };
        if !KINDS.contains(&kind) {
            return Err(invalid("there is no such type"));
        }
        let Some(length) = rest.iter().take(MAX_LINE).position(|byte| *byte == b'\r') else {
            return if rest.len() < MAX_LINE { Ok(None) } else { Err(invalid("a line is too long")) };
        };
        match rest.get(length + 1) {
            None => Ok(None),
            Some(b'\n') => {
                let start = at + 1;
                Ok(Some(Self { kind, text: &rest[..length], start, end: start + length + 2 }))
            }
            Some(_) => Err(invalid("a line ends within itself")),
        }
    }

    fn shape(&self) -> io::Result<Shape> {
        Ok(match self.kind {
            // Nothing, in RESP2.
            b'$' | b'*' if self.text == b"-1" => Shape::Line,
            b'$' | b'!' | b'=' => {
                Shape::Bytes(usize::try_from(self.count()?).map_err(|_| invalid("a text is too long"))?)
            }
            b'*' | b'~' | b'>' => Shape::Parts(self.count()?),
            b'%' => Shape::Parts(self.pairs()?),
            b'|' => Shape::Attribute(self.pairs()?),
            _ => Shape::Line,
        })
    }

    fn count(&self) -> io::Result<u64> {
        match self.text {
            [] => Err(invalid("a length is missing")),
            // More than any answer has.
            digits if digits.len() > 18 => Err(invalid("a length is too great")),
            digits => digits.iter().try_fold(0_u64, |number, digit| match digit {
                b'0'..=b'9' => Ok(number * 10 + u64::from(digit - b'0')),
                _ => Err(invalid("a length is no number")),
            }),
        }
    }

    fn pairs(&self) -> io::Result<u64> {
        Ok(self.count()? * 2)
    }

    fn end_of_bytes(&self, length: usize) -> Option<usize> {
        self.end.checked_add(length)?.checked_add(2)
    }

    fn number(&self) -> io::Result<i64> {
        let text = std::str::from_utf8(self.text).map_err(|_| invalid("a number is none"))?;
        text.parse().map_err(|_| invalid("a number is none"))
    }
}

/// Reads what is there whole.
struct Reader<'a> {
    whole: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    fn said(&mut self) -> io::Result<Said> {
        self.pass_attributes()?;
        let is_push = self.whole.get(self.at) == Some(&b'>');
        Ok(match self.reply()? {
            Reply::Many(parts) if is_push => Said::Push(parts),
            reply => Said::Reply(reply),
        })
    }

    fn line(&mut self) -> io::Result<Line<'a>> {
        let line = Line::read(self.whole, self.at)?.ok_or_else(|| invalid("an answer ends early"))?;
        self.at = line.end;
        Ok(line)
    }

    fn pass_attributes(&mut self) -> io::Result<()> {
        while self.whole.get(self.at) == Some(&b'|') {
            let count = self.line()?.pairs()?;
            for _ in 0..count {
                self.reply()?;
            }
        }
        Ok(())
    }

    fn reply(&mut self) -> io::Result<Reply> {
        self.pass_attributes()?;
        let (whole, line) = (self.whole, self.line()?);
        let text = || whole.slice(line.start..line.start + line.text.len());
        Ok(match line.shape()? {
            Shape::Line => match line.kind {
                b'-' => Reply::Refused(String::from_utf8_lossy(line.text).into_owned()),
                b':' => Reply::Number(line.number()?),
                b'_' | b'$' | b'*' => Reply::Nil,
                b'#' => Reply::Number((line.text == b"t").into()),
                _ => Reply::Text(text()),
            },
            Shape::Bytes(length) => {
                let end = line.end + length;
                self.at = end + 2;
                match line.kind {
                    b'!' => Reply::Refused(String::from_utf8_lossy(&whole[line.end..end]).into_owned()),
                    // Behind three letters that say how it is to be shown.
                    b'=' if length >= 4 => Reply::Text(whole.slice(line.end + 4..end)),
                    _ => Reply::Text(whole.slice(line.end..end)),
                }
            }
            // As many as are there: each takes a byte at least.
            Shape::Parts(count) => {
                let mut parts = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
                for _ in 0..count {
                    parts.push(self.reply()?);
                }
                Reply::Many(parts)
            }
            Shape::Attribute(_) => return Err(invalid("an attribute is passed")),
        })
    }
}

#[cold]
fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
