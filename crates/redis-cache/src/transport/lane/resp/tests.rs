use super::*;
use proptest::prelude::*;
use redis_protocol::resp3::{
    decode::complete::decode_bytes,
    encode::complete::extend_encode,
    types::{BytesFrame, FrameMap},
};

/// All that is said, heard in pieces that end there.
fn heard(bytes: &[u8], ends: &[usize]) -> io::Result<Vec<Said>> {
    let (mut decoder, mut there, mut all) = (Decoder::default(), BytesMut::new(), Vec::new());
    let mut from = 0;
    for end in ends.iter().copied().chain([bytes.len()]) {
        let end = end.clamp(from, bytes.len());
        there.extend_from_slice(&bytes[from..end]);
        from = end;
        while let Some(said) = decoder.next(&mut there)? {
            all.push(said);
        }
    }
    Ok(all)
}

fn one(bytes: &[u8]) -> Reply {
    match &heard(bytes, &[]).unwrap()[..] {
        [Said::Reply(reply)] => reply.clone(),
        other => panic!("{other:?}"),
    }
}

fn text(text: &'static str) -> Reply {
    Reply::Text(text.into())
}

#[test]
fn every_type_is_read() {
    let cases: [(&[u8], Reply); 22] = [
        (b"+OK\r\n", text("OK")),
        (b"+\r\n", text("")),
        (b"-ERR no\r\n", Reply::Refused("ERR no".into())),
        (b":-42\r\n", Reply::Number(-42)),
        (b"$5\r\na\r\nb\n\r\n", text("a\r\nb\n")),
        (b"$0\r\n\r\n", text("")),
        (b"$-1\r\n", Reply::Nil),
        (b"*-1\r\n", Reply::Nil),
        (b"_\r\n", Reply::Nil),
        (b"#t\r\n", Reply::Number(1)),
        (b"#f\r\n", Reply::Number(0)),
        (b",1.5\r\n", text("1.5")),
        (
            b"(3492890328409238509324850943850943825024385\r\n",
            text("3492890328409238509324850943850943825024385"),
        ),
        (b"!6\r\nERR no\r\n", Reply::Refused("ERR no".into())),
        (b"=8\r\ntxt:some\r\n", text("some")),
        (b"*0\r\n", Reply::Many(Vec::new())),
        (b"*2\r\n:1\r\n*1\r\n_\r\n", Reply::Many(vec![Reply::Number(1), Reply::Many(vec![Reply::Nil])])),
        (b"~1\r\n+a\r\n", Reply::Many(vec![text("a")])),
        (b"%1\r\n+a\r\n:1\r\n", Reply::Many(vec![text("a"), Reply::Number(1)])),
        (b"|1\r\n+ttl\r\n:3\r\n:7\r\n", Reply::Number(7)),
        (
            b"*2\r\n:1\r\n|1\r\n+a\r\n*1\r\n+b\r\n:2\r\n",
            Reply::Many(vec![Reply::Number(1), Reply::Number(2)]),
        ),
        (b"|0\r\n*1\r\n|0\r\n|0\r\n:2\r\n", Reply::Many(vec![Reply::Number(2)])),
    ];
    for (bytes, expected) in cases {
        assert_eq!(one(bytes), expected, "{:?}", Bytes::copy_from_slice(bytes));
    }
    assert_eq!(heard(b">2\r\n+a\r\n+b\r\n", &[]).unwrap(), [Said::Push(vec![text("a"), text("b")])]);
}

#[test]
fn what_is_not_resp3_is_an_error() {
    let deep = "*1\r\n".repeat(MAX_DEPTH + 1);
    let long = format!("+{}", "x".repeat(MAX_LINE));
    let cases: [&[u8]; 17] = [
        b"hello\r\n",
        b"\r\n",
        b"$3\r\nabcd\r\n",
        b"$x\r\n",
        b"$\r\n",
        b"$+1\r\n",
        b"$-2\r\n",
        b"*-2\r\n",
        b"%-1\r\n",
        b"$9223372036854775808\r\n",
        b"*999999999999999999999\r\n",
        b":1x\r\n",
        b":99999999999999999999\r\n",
        b"+a\rb\r\n",
        b"$?\r\n",
        deep.as_bytes(),
        long.as_bytes(),
    ];
    for bytes in cases {
        let error = heard(bytes, &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}

#[test]
fn a_length_that_is_announced_takes_no_memory() {
    for bytes in
        ["$999999999999999999\r\nabc", "*999999999999999999\r\n:1\r\n", "%999999999999999999\r\n:1\r\n"]
    {
        assert_eq!(heard(bytes.as_bytes(), &[]).unwrap(), []);
    }
}

/// A large answer that comes in small pieces is looked at once: looked at anew with each piece it would take minutes.
#[test]
fn an_answer_in_many_pieces_is_looked_at_once() {
    let parts = 200_000;
    let mut bytes = format!("*{parts}\r\n").into_bytes();
    (0..parts).for_each(|_| bytes.extend_from_slice(b"$1\r\na\r\n"));
    let ends: Vec<_> = (0..bytes.len()).step_by(16).collect();
    let all = heard(&bytes, &ends).unwrap();
    let [Said::Reply(Reply::Many(read))] = &all[..] else { panic!("{} answers", all.len()) };
    assert_eq!(read.len(), parts);
}

fn line() -> impl Strategy<Value = String> {
    "[ -~]{0,12}"
}

fn frames() -> impl Strategy<Value = BytesFrame> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    let leaf = prop_oneof![
        bytes().prop_map(|data| BytesFrame::BlobString { data, attributes: None }),
        bytes().prop_map(|data| BytesFrame::BlobError { data, attributes: None }),
        line().prop_map(|data| BytesFrame::SimpleString { data: data.into(), attributes: None }),
        line().prop_map(|data| BytesFrame::SimpleError { data: data.into(), attributes: None }),
        any::<i64>().prop_map(|data| BytesFrame::Number { data, attributes: None }),
        any::<bool>().prop_map(|data| BytesFrame::Boolean { data, attributes: None }),
        Just(BytesFrame::Null),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let many = proptest::collection::vec(inner.clone(), 0..6);
        prop_oneof![
            many.clone().prop_map(|data| BytesFrame::Array { data, attributes: None }),
            (inner, many).prop_map(|(value, data)| {
                let map = [(BytesFrame::from(1_i64), value)].into_iter().collect::<FrameMap<_, _>>();
                let marked = BytesFrame::Number { data: 1, attributes: Some(map) };
                BytesFrame::Array { data: data.into_iter().chain([marked]).collect(), attributes: None }
            }),
        ]
    })
}

proptest! {
    /// As the library reads it that fred is built on, in pieces of any size.
    #[test]
    fn what_a_library_writes_is_read_as_it_reads_it(
        frames in proptest::collection::vec(frames(), 1..5),
        ends in proptest::collection::vec(0..400_usize, 0..8),
    ) {
        let mut bytes = BytesMut::new();
        for frame in &frames {
            extend_encode(&mut bytes, frame, false).unwrap();
        }
        let bytes = bytes.freeze();
        let mut ends = ends;
        ends.sort_unstable();
        let mut expected = Vec::new();
        let mut rest = bytes.clone();
        while let Some((frame, length)) = decode_bytes(&rest).unwrap() {
            rest = rest.slice(length..);
            expected.push(Said::Reply(frame.into()));
        }
        prop_assert_eq!(expected.len(), frames.len());
        prop_assert_eq!(heard(&bytes, &ends).unwrap(), expected);
    }

    /// Anything at all, by pieces of one byte as by one of all.
    #[test]
    fn any_bytes_are_heard_alike_in_any_pieces(bytes in "[-+:$*_%|>~!=#(,0-3a\r\n]{0,60}") {
        let bytes = bytes.as_bytes();
        let (whole, pieces) = (heard(bytes, &[]), heard(bytes, &(0..bytes.len()).collect::<Vec<_>>()));
        match (whole, pieces) {
            (Ok(whole), Ok(pieces)) => prop_assert_eq!(whole, pieces),
            (whole, pieces) => prop_assert_eq!(whole.is_err(), pieces.is_err()),
        }
    }
}
