//! RESP3: commands as they are written, and what is read as we need it.

use crate::transport::{Command, Reply};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use redis_protocol::resp3::{
    decode::complete::decode_bytes_mut,
    types::{BytesFrame, Resp3Frame as _},
};
use std::io;

/// What a server says.
pub(super) enum Heard {
    Reply(Reply),
    /// These keys were changed, or it will not tell of them any more.
    Changed(Vec<Bytes>),
    Flushed,
    /// Something that was not asked for and that we have no use for.
    Other,
}

pub(super) fn encode(command: &Command, out: &mut BytesMut) {
    let size: usize = command.args.iter().map(|arg| arg.len() + 16).sum();
    out.reserve(size + command.name.len() + 32);
    header(b'*', command.args.len() + 1, out);
    bulk(command.name.as_bytes(), out);
    command.args.iter().for_each(|arg| bulk(arg, out));
}

fn bulk(bytes: &[u8], out: &mut BytesMut) {
    header(b'$', bytes.len(), out);
    out.put_slice(bytes);
    out.put_slice(b"\r\n");
}

fn header(kind: u8, number: usize, out: &mut BytesMut) {
    out.put_u8(kind);
    let mut digits = [0; 20];
    let (mut at, mut left) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
    out.put_slice(b"\r\n");
}

/// What is answered to each command of a transaction.
const QUEUED: &[u8] = b"+QUEUED\r\n";

/// The next thing that was said, if it is there whole.
pub(super) fn decode(bytes: &mut BytesMut) -> io::Result<Option<Heard>> {
    if bytes.starts_with(QUEUED) {
        bytes.advance(QUEUED.len());
        return Ok(Some(Heard::Reply(Reply::Nil)));
    }
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, format!("{error:?}"));
    let Some((frame, _, _)) = decode_bytes_mut(bytes).map_err(invalid)? else { return Ok(None) };
    Ok(Some(match frame {
        BytesFrame::Push { data, .. } => pushed(data),
        frame => Heard::Reply(frame.into()),
    }))
}

fn pushed(parts: Vec<BytesFrame>) -> Heard {
    let mut parts = parts.into_iter();
    let (kind, payload) = (parts.next(), parts.next());
    let text = |frame: &BytesFrame| frame.as_bytes().map(Bytes::copy_from_slice);
    match kind.as_ref().and_then(BytesFrame::as_bytes) {
        Some(b"invalidate") => match payload {
            Some(BytesFrame::Array { data, .. }) => Heard::Changed(data.iter().filter_map(text).collect()),
            // Nothing in the place of keys: all of them. So is what we do not understand, to be sure.
            _ => Heard::Flushed,
        },
        // What follows the channel is a key.
        Some(b"message") => match parts.next().as_ref().and_then(text) {
            Some(key) => Heard::Changed(vec![key]),
            None => Heard::Flushed,
        },
        // Alone of all commands it is answered in this way.
        Some(b"subscribe") => Heard::Reply(Reply::Nil),
        _ => Heard::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bytes: &[u8]) -> Vec<String> {
        let mut bytes = BytesMut::from(bytes);
        let mut all = Vec::new();
        while let Some(heard) = decode(&mut bytes).unwrap() {
            all.push(match heard {
                Heard::Reply(reply) => format!("{reply:?}"),
                Heard::Changed(keys) => format!("changed {keys:?}"),
                Heard::Flushed => "flushed".to_owned(),
                Heard::Other => "other".to_owned(),
            });
        }
        all
    }

    #[test]
    fn what_is_said_unasked_is_told_apart() {
        let said = b"+QUEUED\r\n$2\r\nab\r\n>2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n_\r\n:7\r\n-ERR no\r\n>1\r\n$3\r\nfoo\r\n>3\r\n+subscribe\r\n+c\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$3\r\nkey\r\n+par";
        let expected = [
            "Nil",
            r#"Text(b"ab")"#,
            r#"changed [b"a", b"b"]"#,
            "flushed",
            "Nil",
            "Number(7)",
            r#"Refused("ERR no")"#,
            "other",
            "Nil",
            r#"changed [b"key"]"#,
        ];
        assert_eq!(heard(said), expected);
    }

    #[test]
    fn a_command_is_written_as_redis_reads_it() {
        let mut out = BytesMut::new();
        encode(&Command::new("SET", ["k".into(), Bytes::from(vec![b'x'; 12])]), &mut out);
        assert_eq!(&out[..], b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nxxxxxxxxxxxx\r\n");
        out.clear();
        encode(&Command::new("PING", []), &mut out);
        assert_eq!(&out[..], b"*1\r\n$4\r\nPING\r\n");
    }
}
