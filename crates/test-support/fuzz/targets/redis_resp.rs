//! What a Redis server says: any bytes are refused or answers, never a panic or room for what is not there, and the same in
//! whatever pieces they come.
#![no_main]
#![allow(dead_code, unreachable_pub)]

#[path = "../../../redis-cache/src/transport/lane/resp/mod.rs"]
mod resp;

/// As the crate has it.
mod transport {
    #[derive(Debug, PartialEq)]
    pub(crate) enum Reply {
        Nil,
        Text(bytes::Bytes),
        Number(i64),
        Many(Vec<Self>),
        Refused(String),
    }
}

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use resp::{Decoder, Said};

/// What is heard, and whether it ends with an error.
fn heard(bytes: &[u8], piece: usize) -> (Vec<Said>, bool) {
    let (mut decoder, mut there, mut all) = (Decoder::default(), BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        there.extend_from_slice(piece);
        loop {
            match decoder.next(&mut there) {
                Ok(Some(said)) => all.push(said),
                Ok(None) => break,
                Err(_) => return (all, true),
            }
        }
    }
    (all, false)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    assert_eq!(heard(bytes, usize::from(piece) + 1), heard(bytes, bytes.len().max(1)));
});
