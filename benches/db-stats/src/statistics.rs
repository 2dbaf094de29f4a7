use perfect21_bench_support::Op;
use perfect21_core::{Label, Metric, Reading, Visitor};
use perfect21_db_stats::{Entry, LatencySnapshot, Observe, Order, Statements};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The text of one of many statements.
fn text(n: usize) -> String {
    format!("SELECT id, name, price FROM products_{n} WHERE id = $1")
}

/// Statistics that know so many statements.
fn statements(known: usize) -> Statements {
    let statements = Statements::new(known);
    for n in 0..known {
        statements.start(&text(n)).end(Ok(1));
    }
    statements
}

/// A call with all it may have: the wait for a connection, and decoding told apart.
fn call(entry: &Entry) {
    let mut timer = entry.start(Duration::from_micros(3));
    timer.received();
    timer.end(Ok(1));
}

/// A call of a statement whose entry is held, where so many statements are known.
#[must_use]
pub fn held(known: usize) -> Op {
    let entry = statements(known).entry(&text(known / 2));
    Op::each(move |_| call(&entry))
}

/// Calls of all statements by turns, their entries held: with many, the counts of each come from main memory.
#[must_use]
pub fn other_held(known: usize) -> Op {
    let statements = statements(known);
    let entries: Arc<[Entry]> = (0..known).map(|n| statements.entry(&text(n))).collect();
    // A step that meets them all in an order that the processor does not foresee.
    Op::each(move |n| call(&entries[(n as usize).wrapping_mul(7919) % entries.len()]))
}

/// A call of a statement that is looked up by its text, where so many are known.
#[must_use]
pub fn by_text(known: usize) -> Op {
    let statements = statements(known);
    let sql = text(known / 2);
    Op::each(move |_| statements.start(&sql).end(Ok(1)))
}

/// A call of a statement that was never seen before and will never be again, where so many others are known.
#[must_use]
pub fn one_off(known: usize) -> Op {
    let statements = statements(known);
    Op::each(move |n| {
        let sql = format!("SELECT id, name, price FROM one_off_{n} WHERE id = $1");
        statements.start(&sql).end(Ok(1));
    })
}

/// [`Statements::slow_statements`] of so many.
#[must_use]
pub fn slow_statements(known: usize) -> Op {
    let statements = statements(known);
    Op::each(move |_| statements.slow_statements(Order::TotalTime, Statements::DEFAULT_LIMIT))
}

/// [`Observe::observe`] of so many, read by nobody.
#[must_use]
pub fn observed(known: usize) -> Op {
    struct Nobody;
    impl Visitor for Nobody {
        fn counter(&mut self, _: &Metric, _: &[Label<'_>], _: u64) {}
        fn gauge(&mut self, _: &Metric, _: &[Label<'_>], _: Reading) {}
        fn latency(&mut self, _: &Metric, _: &[Label<'_>], _: &LatencySnapshot) {}
    }
    let statements = statements(known);
    Op::each(move |_| statements.observe(&mut Nobody))
}

/// The three readings of the clock that a call takes.
#[must_use]
pub fn clock() -> Op {
    Op::each(|_| [Instant::now(), Instant::now(), Instant::now()])
}
