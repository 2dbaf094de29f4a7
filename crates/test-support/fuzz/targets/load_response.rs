//! The load generator's response parser: whatever a server sends, and however it is cut, it never panics.
#![no_main]
#![allow(dead_code, unreachable_pub)]

#[path = "../../../load/src/engine"]
mod engine {
    pub mod chunked;
    #[path = "response.rs"]
    pub mod response;
}

use engine::response::ResponseParser;
use libfuzzer_sys::fuzz_target;

fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) {
    let mut parser = ResponseParser::new(None);
    parser.begin(false);
    for piece in pieces {
        match parser.feed(piece) {
            Ok(None) => {}
            Ok(Some(_)) => parser.begin(false),
            Err(_) => return,
        }
    }
    parser.close();
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    parse([bytes]);
    parse(bytes.chunks(usize::from(size).max(1)));
});
