//! The envelope of values in Redis: any bytes are refused or opened, never a panic, and what opens is what was sealed.
#![no_main]
#![allow(dead_code, unreachable_pub)]

#[path = "../../../redis-cache/src/envelope.rs"]
mod envelope;

use libfuzzer_sys::fuzz_target;

fn holds(bytes: &[u8]) {
    if let Ok((head, tags, payload)) = envelope::open(bytes) {
        let mut sealed = envelope::start(&head, &tags).expect("no more and no longer tags than a byte counts");
        sealed.extend_from_slice(payload);
        envelope::seal(&mut sealed);
        assert_eq!(sealed, bytes, "only what was sealed opens");
    }
}

fuzz_target!(|bytes: &[u8]| {
    holds(bytes);
    // Behind the checksum, which keeps all but luck out.
    let mut bytes = bytes.to_vec();
    envelope::seal(&mut bytes);
    holds(&bytes);
});
