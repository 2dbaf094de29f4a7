//! Commands as they are written, and what is heard as we need it.

use super::resp::Said;
use crate::transport::{Command, Reply};
use bytes::{BufMut, Bytes, BytesMut};

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

impl From<Said> for Heard {
    fn from(said: Said) -> Self {
        match said {
            Said::Reply(reply) => Self::Reply(reply),
            Said::Push(parts) => pushed(parts),
        }
    }
}

fn pushed(parts: Vec<Reply>) -> Heard {
    let mut parts = parts.into_iter();
    let (kind, payload) = (parts.next(), parts.next());
    // A copy, which does not keep the memory of all that was read with it.
    let text =
        |reply: &Reply| if let Reply::Text(text) = reply { Some(Bytes::copy_from_slice(text)) } else { None };
    let Some(Reply::Text(kind)) = kind else { return Heard::Other };
    match &kind[..] {
        b"invalidate" => match payload {
            Some(Reply::Many(keys)) => Heard::Changed(keys.iter().filter_map(text).collect()),
            // Nothing in the place of keys: all of them. So is what we do not understand, to be sure.
            _ => Heard::Flushed,
        },
        // What follows the channel is a key.
        b"message" => match parts.next().as_ref().and_then(text) {
            Some(key) => Heard::Changed(vec![key]),
            None => Heard::Flushed,
        },
        // Alone of all commands it is answered in this way.
        b"subscribe" => Heard::Reply(Reply::Nil),
        _ => Heard::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::lane::resp::Decoder;

    fn heard(bytes: &[u8]) -> Vec<String> {
        let mut bytes = BytesMut::from(bytes);
        let (mut decoder, mut all) = (Decoder::default(), Vec::new());
        while let Some(said) = decoder.next(&mut bytes).unwrap() {
            all.push(match Heard::from(said) {
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
            r#"Text(b"QUEUED")"#,
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
