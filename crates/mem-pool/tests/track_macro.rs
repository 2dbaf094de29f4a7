//! The macros work in the crate they belong to, and say what the plain functions say.
#![cfg(all(feature = "macros", feature = "track"))]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[allow(dead_code, reason = "each test file uses some")]
mod track_log;

use perfect21_mem_pool::{Pooled, Reset, track::Counting, track_memory};
use track_log::Log;

#[global_allocator]
static ALLOCATOR: Counting = Counting::system();

#[track_memory(over = "1KiB")]
fn grows(bytes: usize) -> Vec<u8> {
    std::hint::black_box(Vec::with_capacity(bytes))
}

#[derive(Default, Reset, Pooled)]
struct Reply {
    body: Vec<u8>,
}

#[test]
fn a_function_that_grows_warns_with_its_path() {
    Log::during(|log| {
        drop(grows(1024));
        assert_eq!(log.take(), [""; 0]);
        drop(grows(2048));
        let lines = log.take();
        assert!(
            lines[0].starts_with("WARN message=track_macro::grows grew by 2 KiB, more than 1 KiB "),
            "{lines:?}"
        );
    });
}

#[test]
fn a_type_has_its_own_pool() {
    Reply::pooled().body.push(1);
    assert!(Reply::pooled().body.is_empty());
    assert_eq!(Reply::pool().stats().made, 1);
}
