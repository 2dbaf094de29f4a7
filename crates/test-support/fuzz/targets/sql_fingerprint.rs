//! Fingerprints of statements: any text has one, and so does its normal form, which is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perfect21_db_stats::{Fingerprint, MAX_NORMALIZED, normalize};

fuzz_target!(|sql: &str| {
    let text = normalize(sql);
    assert!(text.len() <= MAX_NORMALIZED);
    let fingerprint = Fingerprint::of(sql);
    if !text.contains("/* cut at byte ") {
        assert_eq!(Fingerprint::of(&text), fingerprint);
        assert_eq!(normalize(&text), text);
    }
});
