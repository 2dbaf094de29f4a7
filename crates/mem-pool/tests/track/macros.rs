//! The macros work in the crate they belong to, and say what the plain functions say.
#![cfg(feature = "macros")]

use perfect21_mem_pool::{Pooled, Reset, track_memory};
use perfect21_test_support::events::Events;

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
    let events = Events::of("perfect21");
    drop(grows(1024));
    assert_eq!(events.take_lines(), [""; 0]);
    drop(grows(2048));
    let lines = events.take_lines();
    assert!(
        lines[0].starts_with("WARN message=track::macros::grows grew by 2 KiB, more than 1 KiB "),
        "{lines:?}"
    );
}

#[test]
fn a_type_has_its_own_pool() {
    Reply::pooled().body.push(1);
    assert!(Reply::pooled().body.is_empty());
    assert_eq!(Reply::pool().stats().made, 1);
}
