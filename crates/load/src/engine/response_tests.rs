use super::*;
use proptest::prelude::*;

fn parser(head: bool) -> ResponseParser {
    let watched = Watched { name: "x-cache".into(), value: "HIT".into() };
    let mut parser = ResponseParser::new(Some(watched));
    parser.begin(head);
    parser
}

/// What a whole answer followed by a close comes to, given in these pieces.
fn read<'a>(head: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Response>, Malformed> {
    let mut parser = parser(head);
    let mut found = None;
    for piece in pieces {
        if found.is_some() {
            return Err(Malformed);
        }
        found = parser.feed(piece)?;
    }
    Ok(found.or_else(|| parser.close()))
}

fn ok(status: u16, keep_alive: bool, matched: bool) -> Result<Option<Response>, Malformed> {
    Ok(Some(Response { status, keep_alive, matched }))
}

type Case = (&'static str, bool, Result<Option<Response>, Malformed>);

fn cases() -> Vec<Case> {
    let mut cases = good();
    cases.extend(CUT_OFF.map(|text| (text, false, Ok(None))));
    cases.extend(MALFORMED.map(|text| (text, false, Err(Malformed))));
    cases
}

fn good() -> Vec<Case> {
    vec![
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", false, ok(200, true, false)),
        ("HTTP/1.1 200 OK\r\nX-Cache:  hit \r\ncontent-length: 0\r\n\r\n", false, ok(200, true, true)),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\ncontent-length: 2\r\n\r\nhi",
            false,
            ok(200, true, false),
        ),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx", false, ok(200, false, false)),
        ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", false, ok(200, false, false)),
        (
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx",
            false,
            ok(200, true, false),
        ),
        ("HTTP/1.1 200 OK\r\n\r\nup to the close", false, ok(200, false, false)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nup to", false, ok(200, false, false)),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, ok(204, true, false)),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", false, ok(304, true, false)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", true, ok(200, true, false)),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\ncontent-length: 1\r\n\r\n!",
            false,
            ok(404, true, false),
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
            false,
            ok(204, true, false),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            false,
            ok(200, true, false),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\na;x=\"y\"\r\n0123456789\r\n00\r\nt: 1\r\nu: 2\r\n\r\n",
            false,
            ok(200, true, false),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            false,
            ok(200, false, false),
        ),
    ]
}

const CUT_OFF: [&str; 5] = [
    "",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    "HTTP/1.1 200 OK\r\ncontent-le",
    "HTTP/1.1 100 Continue\r\n\r\n",
];

const MALFORMED: [&str; 13] = [
    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nhello",
    "HTTP/1.1 204 No Content\r\n\r\nbody",
    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11111111111111111\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxy\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "HTTP/2 200 OK\r\n\r\n",
];

#[test]
fn answers_are_read_as_the_rfc_says() {
    for (text, head, expected) in cases() {
        assert_eq!(read(head, [text.as_bytes()]), expected, "{text:?}");
    }
}

#[test]
fn a_split_at_any_byte_changes_nothing() {
    for (text, head, expected) in cases() {
        let text = text.as_bytes();
        for at in 1..text.len() {
            let (left, right) = text.split_at(at);
            let found = read(head, [left, right]);
            assert_eq!(found, expected, "{:?} | {:?}", left.escape_ascii(), right.escape_ascii());
        }
        assert_eq!(read(head, text.chunks(1)), expected, "byte by byte {:?}", text.escape_ascii());
    }
}

#[test]
fn the_next_answer_starts_clean() {
    let mut parser = parser(false);
    for _ in 0..3 {
        assert_eq!(parser.feed(b"HTTP/1.1 200 OK\r\ncontent-"), Ok(None));
        assert_eq!(parser.feed(b"length: 1\r\n\r\nx"), ok(200, true, false));
        parser.begin(false);
    }
    assert_eq!(parser.feed(b"HTTP/1.1 2"), Ok(None));
    parser.begin(true);
    assert_eq!(parser.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"), ok(200, true, false));
}

#[test]
fn heads_extensions_and_trailers_are_bounded() {
    let chunked: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let long = "a: b\r\n".repeat(2 * MAX_HEAD / 6);
    for start in
        [&b"HTTP/1.1 200 OK\r\na: "[..], &[chunked, b"1;"].concat(), &[chunked, b"0\r\na: "].concat()]
    {
        let mut parser = parser(false);
        let mut result = parser.feed(start);
        for piece in long.as_bytes().chunks(1000) {
            if result.is_err() {
                break;
            }
            assert!(parser.partial_head.len() <= MAX_HEAD);
            // Without line ends: a single endless line.
            let line: Vec<u8> = piece.iter().map(|b| if b.is_ascii_control() { b'x' } else { *b }).collect();
            result = parser.feed(&line);
        }
        assert_eq!(result, Err(Malformed), "{:?}", start.escape_ascii());
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
    assert_eq!(read(false, [many.as_bytes()]), Err(Malformed));
}

/// Cuts `bytes` after each of the lengths, over and over.
fn cut<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*length).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_never_panic(
        start in prop::sample::select(vec!["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]),
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\r\n:; 0aF".to_vec())], 0..300),
        lengths in prop::collection::vec(1..20_usize, 1..10),
    ) {
        let whole = [start.as_bytes(), &bytes].concat();
        let expected = read(false, [&whole[..]]);
        prop_assert_eq!(read(false, cut(&whole, &lengths)), expected);
    }

    #[test]
    fn a_valid_answer_is_the_same_in_any_pieces(
        status in 200..600_u16,
        body in prop::collection::vec(any::<u8>(), 0..2000),
        chunks in prop::collection::vec(1..500_usize, 1..5),
        chunked in any::<bool>(),
        lengths in prop::collection::vec(1..400_usize, 1..20),
    ) {
        prop_assume!(status != 204 && status != 304);
        let mut whole = format!("HTTP/1.1 {status} Some Reason\r\nx-cache: HIT\r\n").into_bytes();
        if chunked {
            whole.extend(b"transfer-encoding: chunked\r\n\r\n");
            for chunk in cut(&body, &chunks) {
                whole.extend(format!("{:x}\r\n", chunk.len()).bytes());
                whole.extend(chunk);
                whole.extend(b"\r\n");
            }
            whole.extend(b"0\r\n\r\n");
        } else {
            whole.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
            whole.extend(&body);
        }
        prop_assert_eq!(read(false, cut(&whole, &lengths)), ok(status, true, true));
    }
}
