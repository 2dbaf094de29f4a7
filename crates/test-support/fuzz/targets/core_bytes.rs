//! Any text is a size or a sentence that shows it; what prints as a size reads as one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perfect21_core::Bytes;

fuzz_target!(|text: &str| match text.parse::<Bytes>() {
    Ok(bytes) => {
        let again: Bytes = bytes.to_string().parse().expect("what prints as a size reads as one");
        // One digit is printed beyond the point.
        assert!(again.get() <= bytes.get() && bytes.get() - again.get() <= bytes.get() / 10);
    }
    Err(error) => assert!(error.to_string().starts_with("size `")),
});
