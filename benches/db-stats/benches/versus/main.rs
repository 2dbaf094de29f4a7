//! Ours beside the peers: `cargo bench -p perfect21-bench-db-stats --bench versus -- [--quick] [--check]`.

mod pool;

use perfect21_bench_db_stats::{self as ours, LONG, SHORT};
use perfect21_bench_support::{Case, Op, versus};
use sql_fingerprint::fingerprint_one;
use sqlparser::dialect::PostgreSqlDialect;
use std::{hint::black_box, process::ExitCode};

fn peer(sql: &'static str) -> Op {
    Op::each(move |_| fingerprint_one(black_box(sql), Some(&PostgreSqlDialect {})))
}

fn main() -> ExitCode {
    let mut cases = vec![
        Case::new("fingerprint, 50 bytes", 1, ours::fingerprint(SHORT), "sql-fingerprint", peer(SHORT)),
        Case::new("fingerprint, 276 bytes", 1, ours::fingerprint(LONG), "sql-fingerprint", peer(LONG)),
        Case::new("normalize, 276 bytes", 1, ours::normalized(LONG), "sql-fingerprint", peer(LONG)),
        Case::new("statistics, 1 fingerprint", 1, ours::held(1), "three clock readings", ours::clock()),
        Case::new("statistics, 10 000", 1, ours::held(10_000), "ours, 1 fingerprint", ours::held(1)),
        Case::new(
            "statistics, 10 000 by turns",
            1,
            ours::other_held(10_000),
            "ours, 1 fingerprint",
            ours::held(1),
        ),
        Case::new("statistics, 2 threads", 2, ours::held(1), "three clock readings", ours::clock()),
        Case::new("statistics by text, 1", 1, ours::by_text(1), "three clock readings", ours::clock()),
        Case::new(
            "statistics by text, 10 000",
            1,
            ours::by_text(10_000),
            "ours, 1 fingerprint",
            ours::by_text(1),
        ),
        Case::new(
            "statistics, one-off text",
            1,
            ours::one_off(10_000),
            "three clock readings",
            ours::clock(),
        ),
    ];
    cases.extend(pool::cases());
    versus(include_str!("../../targets.toml"), &cases)
}
