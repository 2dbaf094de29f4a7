//! Ours beside the peer: `cargo bench -p perfect21-bench-db-stats --bench versus -- [--quick] [--check]`.

use perfect21_bench_db_stats::{self as ours, LONG, SHORT};
use perfect21_bench_support::{Case, Op, versus};
use sql_fingerprint::fingerprint_one;
use std::{hint::black_box, process::ExitCode};

fn peer(sql: &'static str) -> Op {
    Op::each(move |_| fingerprint_one(black_box(sql), None))
}

fn main() -> ExitCode {
    let cases = [
        Case::new("fingerprint, 50 bytes", 1, ours::fingerprint(SHORT), "sql-fingerprint", peer(SHORT)),
        Case::new("fingerprint, 276 bytes", 1, ours::fingerprint(LONG), "sql-fingerprint", peer(LONG)),
        Case::new("normalize, 276 bytes", 1, ours::normalized(LONG), "sql-fingerprint", peer(LONG)),
    ];
    versus(include_str!("../targets.toml"), &cases)
}
