use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::{Error, wait};

/// The largest answer that is read: these are answers to a test's own questions.
const LONGEST: usize = 64 * 1024 * 1024;
const DEEPEST: u32 = 16;

/// A server's answer, as far as tests look into one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Nothing: the key does not exist.
    Nil,
    /// A status or a string; bytes that are no UTF-8 are replaced.
    Text(String),
    /// A number.
    Int(i64),
    /// A list; an error inside it is a text.
    List(Vec<Self>),
}

impl Reply {
    /// The text, if it is one.
    ///
    /// ```
    /// use perfect21_test_support::redis::Reply;
    ///
    /// assert_eq!(Reply::Text("PONG".into()).text(), Some("PONG"));
    /// assert_eq!(Reply::Nil.text(), None);
    /// ```
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a `name:value` line in an answer of `INFO` or `CLUSTER INFO`, or of a name in a list of pairs.
    ///
    /// ```
    /// use perfect21_test_support::redis::Reply;
    ///
    /// let info = Reply::Text("# Replication\r\nrole:master\r\nconnected_slaves:1\r\n".into());
    /// assert_eq!(info.field("connected_slaves"), Some("1"));
    /// let pairs = Reply::List(vec![Reply::Text("flags".into()), Reply::Text("slave".into())]);
    /// assert_eq!(pairs.field("flags"), Some("slave"));
    /// ```
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        match self {
            Self::Text(text) => {
                text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
            }
            Self::List(list) => list.chunks_exact(2).find(|pair| pair[0].text() == Some(name))?[1].text(),
            Self::Nil | Self::Int(_) => None,
        }
    }
}

/// Sends one command on a new connection.
pub(super) fn ask(addr: SocketAddr, words: &[&str]) -> Result<Reply, Error> {
    let command = words.first().copied().unwrap_or_default();
    let answer = talk(addr, words).map_err(Error::io(format!("ask redis on {addr}: {command}")))?;
    answer.map_err(|reply| Error::Refused { command: command.to_owned(), reply })
}

fn talk(addr: SocketAddr, words: &[&str]) -> io::Result<Result<Reply, String>> {
    let mut stream = TcpStream::connect_timeout(&addr, wait::DEADLINE)?;
    stream.set_read_timeout(Some(wait::DEADLINE))?;
    stream.set_write_timeout(Some(wait::DEADLINE))?;
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(request.as_bytes())?;
    read(&mut BufReader::new(stream.take(LONGEST as u64)), 0)
}

/// Reads one value of the RESP2 protocol; the inner `Err` is the server's own error.
fn read(from: &mut impl BufRead, depth: u32) -> io::Result<Result<Reply, String>> {
    let bad =
        |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("not an answer of redis: {what:?}"));
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    let Some(line) = line.strip_suffix("\r\n").filter(|line| line.is_char_boundary(1)) else {
        return Err(if line.is_empty() { io::ErrorKind::UnexpectedEof.into() } else { bad(&line) });
    };
    let (kind, rest) = line.split_at(1);
    let number = || rest.parse::<i64>().map_err(|_| bad(line));
    Ok(Ok(match kind {
        "-" => return Ok(Err(rest.to_owned())),
        "+" => Reply::Text(rest.to_owned()),
        ":" => Reply::Int(number()?),
        "$" | "*" if number()? == -1 => Reply::Nil,
        "$" => {
            let length = usize::try_from(number()?).ok().filter(|&length| length < LONGEST);
            let mut bytes = vec![0; length.ok_or_else(|| bad(line))? + 2];
            from.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
        "*" if depth < DEEPEST => {
            let mut list = Vec::new();
            for _ in 0..number()? {
                list.push(read(from, depth + 1)?.unwrap_or_else(Reply::Text));
            }
            Reply::List(list)
        }
        _ => return Err(bad(line)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_answer_is_read_and_garbage_is_an_error() {
        let parse = |bytes: &str| read(&mut bytes.as_bytes(), 0).map_err(|error| error.kind());
        let text = |text: &str| Reply::Text(text.into());
        for (bytes, expected) in [
            ("+OK\r\n", Ok(Ok(text("OK")))),
            ("-ERR no\r\n", Ok(Err("ERR no".into()))),
            (":-7\r\n", Ok(Ok(Reply::Int(-7)))),
            ("$-1\r\n", Ok(Ok(Reply::Nil))),
            ("$4\r\na\r\nb\r\n", Ok(Ok(text("a\r\nb")))),
            ("*2\r\n$1\r\na\r\n*0\r\n", Ok(Ok(Reply::List(vec![text("a"), Reply::List(vec![])])))),
            ("", Err(io::ErrorKind::UnexpectedEof)),
            ("$5\r\nab", Err(io::ErrorKind::UnexpectedEof)),
            ("\r\n", Err(io::ErrorKind::InvalidData)),
            ("HTTP/1.1 400\r\n", Err(io::ErrorKind::InvalidData)),
            ("$99999999999\r\n", Err(io::ErrorKind::InvalidData)),
        ] {
            assert_eq!(parse(bytes), expected, "{bytes:?}");
        }
        assert_eq!(parse(&"*1\r\n".repeat(1000)), Err(io::ErrorKind::InvalidData));
    }
}
