//! The memory watch with jemalloc, in a process of its own for its global allocator.
#![cfg(all(feature = "jemalloc", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "it/watch_blocks/mod.rs"]
mod watch_blocks;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[test]
fn the_allocator_is_made_to_give_back() {
    watch_blocks::check_that_the_allocator_gives_back();
}
