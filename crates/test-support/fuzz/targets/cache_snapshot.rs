//! Any bytes restored into a cache, with and without a right beginning: a sentence or entries, within the bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perfect21_smart_cache::Cache;

fn decode(record: &[u8]) -> Option<(u8, Vec<u8>)> {
    let (key, value) = record.split_first()?;
    Some((*key, value.to_vec()))
}

fuzz_target!(|bytes: &[u8]| {
    let builder = Cache::<u8, Vec<u8>>::builder().max_entries(20).max_bytes(1000);
    let cache = builder.weigher(|_, value| value.len() as u64 + 1).build().expect("settings are valid");
    let mut begun = Vec::new();
    cache.dump(&mut begun, "fuzz", |_, _, _| ()).expect("a vector takes all");
    // Without the end mark and its checksum.
    begun.truncate(begun.len() - 8);
    begun.extend_from_slice(bytes);
    for input in [bytes, &begun] {
        if let Err(error) = cache.restore(input, "fuzz", decode) {
            assert!(!error.to_string().is_empty());
        }
        assert!(cache.len() <= 20 && cache.bytes() <= 1000);
    }
});
