//! The envelope of values in Redis: any bytes are refused or opened, never a panic, and what was sealed opens as itself.
#![no_main]
#![allow(dead_code, unreachable_pub)]

#[path = "../../../redis-cache/src/envelope.rs"]
mod envelope;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(payload) = envelope::open(bytes) {
        let mut sealed = vec![0; bytes.len() - payload.len()];
        sealed.extend_from_slice(payload);
        envelope::seal(&mut sealed);
        assert_eq!(sealed, bytes, "only what was sealed opens");
    }
});
