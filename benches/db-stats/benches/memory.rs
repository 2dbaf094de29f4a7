//! What statistics take: `cargo bench -p perfect21-bench-db-stats --bench memory`. Counted by the allocator, so it is the
//! same at each run.

use perfect21_db_stats::Statements;
use perfect21_test_support::alloc::{Counting, Counts};
use std::{process::ExitCode, time::Duration};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

/// A statement's bytes at rest, and all of them.
const MOST: (f64, f64) = (4096.0, 64e6);

struct Case {
    name: &'static str,
    text: fn(usize) -> String,
    /// Calls of each, with waits of so many microseconds, doubling: they spread over the ranges of a histogram.
    calls: u32,
}

fn usual(n: usize) -> String {
    format!("SELECT id, name, price, stock FROM products_{n} WHERE category = $1 ORDER BY price")
}

fn long(n: usize) -> String {
    format!("SELECT table_{n}.a, {}b FROM t", "a_column_with_a_long_name, ".repeat(50))
}

impl Case {
    /// Bytes a statement and in all, with as many as are told apart.
    fn measure(&self) -> (usize, f64, f64) {
        let before = Counts::thread().live;
        let statements = Statements::new(usize::MAX);
        for n in 0..Statements::MAX {
            let entry = statements.entry(&(self.text)(n));
            for call in 0..self.calls {
                entry.start(Duration::from_micros(1 << call)).end(Ok(1));
            }
        }
        let all = (Counts::thread().live - before) as f64;
        (statements.len(), all / statements.len() as f64, all)
    }
}

#[allow(clippy::print_stdout, reason = "the table is the product")]
fn main() -> ExitCode {
    println!(
        "| statements | told apart | bytes each | MB in all | target | result |\n|---|---|---|---|---|---|"
    );
    let mut missed = false;
    for case in [
        Case { name: "usual text, seen once", text: usual, calls: 1 },
        Case { name: "usual text, waits up to 8 ms", text: usual, calls: 14 },
        Case { name: "text cut at its bound, waits up to 134 s", text: long, calls: 28 },
    ] {
        let (known, each, all) = case.measure();
        let met = each <= MOST.0 && all <= MOST.1;
        missed |= !met;
        let result = if met { "met" } else { "missed" };
        println!("| {} | {known} | {each:.0} | {:.1} | ≤ 4096, ≤ 64 | {result} |", case.name, all / 1e6);
    }
    let check = std::env::args().any(|word| word == "--check");
    if check && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
