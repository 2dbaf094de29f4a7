//! The macros find their crates through the facade.
#![cfg(all(feature = "mem-pool", feature = "smart-cache"))]

use perfect21::{
    mem_pool::{Pooled, Reset, track_memory},
    smart_cache::memoize,
};

#[derive(Default, Reset, Pooled)]
struct Reply {
    body: Vec<u8>,
}

#[memoize(max_entries = 10)]
#[track_memory(over = "1MB")]
fn squared(n: u64) -> u64 {
    n * n
}

#[memoize]
async fn named(id: u32) -> Result<String, std::fmt::Error> {
    let mut name = String::new();
    std::fmt::Write::write_fmt(&mut name, format_args!("user {id}"))?;
    Ok(name)
}

#[tokio::test]
async fn macros_work_through_the_facade() {
    assert_eq!((squared(3), squared(3)), (9, 9));
    assert_eq!(named(1).await.as_deref(), Ok("user 1"));
    Reply::pooled().body.push(1);
    assert!(Reply::pooled().body.is_empty());
}
