//! Fingerprints and calls of known statements allocate nothing. In a process of its own for its global allocator.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_db_stats::{Fingerprint, Statements};
use perfect21_test_support::alloc::{self, Counting};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

#[test]
fn a_fingerprint_allocates_nothing() {
    let ids = vec!["1"; 10_000].join(",");
    for sql in [
        "SELECT name FROM products WHERE id = 7".to_owned(),
        format!("SELECT a FROM t WHERE id IN ({ids}) AND \"B\" = $tag$x$tag$ -- end"),
        "((((".repeat(10_000),
    ] {
        let (_, counts) = alloc::during(|| Fingerprint::of(&sql));
        assert_eq!(counts.allocations, 0, "{} bytes", sql.len());
    }
}

#[test]
fn a_call_of_a_known_statement_allocates_nothing() {
    let statements = Statements::new(10);
    let sql = "SELECT name FROM products WHERE id = 7";
    let entry = statements.entry(sql);
    let call = || {
        let mut timer = entry.start(Duration::from_micros(3));
        timer.received();
        timer.end(Ok(1));
        statements.start(sql).end(Ok(1));
    };
    // Until the ranges of durations that occur have their pages.
    (0..10_000).for_each(|_| call());
    let least = (0..1000).map(|_| alloc::during(call).1.allocations).min().unwrap();
    assert_eq!(least, 0);
    let (_, counts) = alloc::during(|| (0..1000).for_each(|_| call()));
    // A delay may be longer than any before.
    assert!(counts.allocations < 21, "{} in 2000 calls, more than there are ranges", counts.allocations);
}
