//! Statements are counted by fingerprint, within bounds, and no count is lost.

use perfect21_core::{Label, Metric, Reading, Visitor};
use perfect21_db_stats::{
    Entry, Fingerprint, LatencySnapshot, Observe, Order, SlowLog, SlowOutcome, StatementStats, Statements,
    Timer,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};
use tokio_postgres::error::SqlState;

fn table(n: usize) -> String {
    format!("SELECT a FROM table_{n} WHERE id = $1")
}

fn call(statements: &Statements, sql: &str, times: usize) {
    for _ in 0..times {
        statements.start(sql).end(Ok(1));
    }
}

fn all(statements: &Statements) -> Vec<StatementStats> {
    statements.slow_statements(Order::Calls, usize::MAX)
}

fn find(statements: &Statements, sql: &str) -> Option<StatementStats> {
    let fingerprint = Fingerprint::of(sql);
    all(statements).into_iter().find(|stats| stats.fingerprint == Some(fingerprint))
}

fn total_calls(statements: &Statements) -> u64 {
    all(statements).iter().map(|stats| stats.calls).sum::<u64>() + statements.other().calls
}

#[test]
fn a_call_is_counted_with_its_parts_and_its_end() {
    let statements = Statements::new(10);
    let sql = "SELECT name FROM products WHERE id = 7";
    let entry = statements.entry(sql);
    entry.start(Duration::from_millis(5)).end(Ok(3));
    let mut timer = statements.start("select name from products where id = 8");
    timer.retried();
    timer.received();
    timer.end(Ok(2));
    for code in [Some(SqlState::UNIQUE_VIOLATION), None, Some(SqlState::UNIQUE_VIOLATION)] {
        entry.clone().start(Duration::ZERO).end(Err(code));
    }
    drop(entry.start(Duration::from_millis(1)));

    let stats = find(&statements, sql).unwrap();
    assert_eq!(stats.sql, "select name from products where id = $1");
    assert_eq!((stats.calls, stats.rows, stats.errors, stats.cancelled, stats.retries), (5, 5, 3, 1, 1));
    assert_eq!(stats.errors_by_code, [(Some(SqlState::UNIQUE_VIOLATION), 2), (None, 1)]);
    assert_eq!((stats.wait.count(), stats.server.count(), stats.decode.count()), (2, 6, 1));
    let longest = stats.wait.quantile(1.0).unwrap().as_secs_f64();
    assert!((longest / 0.005 - 1.0).abs() < 0.04, "{longest} s");
    assert_eq!(stats.mean(), Some(stats.total_time / 6));
    assert_eq!(statements.len(), 1);
    assert_eq!(statements.other().calls, 0);
}

#[test]
fn the_list_is_ordered_as_asked_and_as_long_as_asked() {
    let statements = Statements::new(10);
    // Begins first and ends last, so no other one can take as long.
    let slow = statements.start("SELECT slow");
    call(&statements, "SELECT often", 5);
    statements.start("SELECT rows").end(Ok(1000));
    statements.start("SELECT failing").end(Err(None));
    drop(statements.start("SELECT cancelled"));
    slow.end(Ok(0));
    for (order, first) in [
        (Order::Calls, "select often"),
        (Order::Rows, "select rows"),
        (Order::Errors, "select failing"),
        (Order::Cancelled, "select cancelled"),
        (Order::TotalTime, "select slow"),
        (Order::MeanTime, "select slow"),
        (Order::P99, "select slow"),
    ] {
        assert_eq!(statements.slow_statements(order, 1)[0].sql, first, "{order:?}");
    }
    assert_eq!(statements.slow_statements(Order::default(), 3).len(), 3);
    assert_eq!(all(&statements).len(), 5);
}

#[test]
fn what_has_no_place_is_counted_together() {
    let statements = Statements::new(2);
    for n in 0..1000 {
        call(&statements, &table(n), 1);
    }
    assert_eq!(statements.len(), 2);
    // None is busier than those that came first.
    assert_eq!(all(&statements).iter().map(|stats| stats.calls).collect::<Vec<_>>(), [1, 1]);
    let other = statements.other();
    assert_eq!((other.sql.as_str(), other.fingerprint), ("other", None));
    assert_eq!((other.calls, other.rows, other.server.count()), (998, 998, 998));
}

#[test]
fn a_busy_newcomer_takes_the_place_of_the_least_used() {
    let statements = Statements::new(3);
    let held = statements.entry(&table(1));
    call(&statements, &table(0), 500);
    held.start(Duration::ZERO).end(Err(Some(SqlState::T_R_DEADLOCK_DETECTED)));
    call(&statements, &table(2), 500);
    let running = held.start(Duration::ZERO);
    drop(running);

    call(&statements, &table(3), 100);
    assert!(find(&statements, &table(1)).is_none());
    let newcomer = find(&statements, &table(3)).unwrap();
    assert!((90..=100).contains(&newcomer.calls), "{}", newcomer.calls);
    assert!(find(&statements, &table(0)).is_some() && find(&statements, &table(2)).is_some());
    let other = statements.other();
    assert_eq!((other.errors, other.cancelled), (1, 1));
    assert_eq!(other.errors_by_code, [(Some(SqlState::T_R_DEADLOCK_DETECTED), 1)]);
    assert_eq!(total_calls(&statements), 1101);

    // Its held entry finds a place again when it is the busier one.
    for _ in 0..400 {
        held.start(Duration::ZERO).end(Ok(0));
    }
    assert!(find(&statements, &table(1)).is_some());
    assert!(find(&statements, &table(3)).is_none());
    assert_eq!(total_calls(&statements), 1501);
}

#[test]
fn a_statement_does_not_make_way_while_it_runs() {
    let statements = Statements::new(1);
    let running = statements.start(&table(0));
    call(&statements, &table(1), 1000);
    running.end(Ok(0));
    assert!(find(&statements, &table(0)).is_some());
    call(&statements, &table(1), 5000);
    assert!(find(&statements, &table(1)).is_some());
    assert_eq!(total_calls(&statements), 6001);
}

#[test]
fn no_count_is_lost_while_statements_come_and_go_and_are_read() {
    const THREADS: usize = 4;
    const CALLS: usize = 30_000;
    let statements = Statements::new(8);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut last, mut seen) = (0, Series::default());
            while !done.load(Relaxed) {
                let other = statements.other().calls;
                assert!(other >= last, "{other} after {last}");
                last = other;
                seen.read(&statements);
            }
        });
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let statements = &statements;
                scope.spawn(move || {
                    let held: Vec<_> = (0..8).map(|n| statements.entry(&table(1000 + n))).collect();
                    for n in 0..CALLS {
                        // Which tables are busy changes all the time.
                        let busy = n / 1000 * 7 + n % 5;
                        match n % 3 {
                            0 => held[n % 8].start(Duration::ZERO).end(Ok(1)),
                            1 => statements.start(&table(busy)).end(Err(None)),
                            _ => drop(statements.start(&table(thread * CALLS + n))),
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        done.store(true, Relaxed);
        reader.join().unwrap();
    });
    let (mut ended, mut cancelled, mut errors, mut rows, mut times) = (0, 0, 0, 0, 0);
    for stats in all(&statements).iter().chain([&statements.other()]) {
        ended += stats.calls;
        cancelled += stats.cancelled;
        errors += stats.errors;
        rows += stats.rows;
        times += stats.server.count();
    }
    let each = (THREADS * CALLS / 3) as u64;
    assert_eq!((ended, cancelled, errors, rows, times), (2 * each, each, each, each, 3 * each));
    assert!(statements.len() <= 8);
}

/// The metrics of statements as a visitor sees them.
#[derive(Default)]
struct Series {
    counters: BTreeMap<String, u64>,
    calls: BTreeMap<String, LatencySnapshot>,
    /// The calls of all windows between two readings.
    seen: u64,
}

impl Series {
    /// Reads them once more; a series that goes back fails the test.
    fn read(&mut self, statements: &Statements) {
        let before = std::mem::take(self);
        statements.observe(self);
        for (name, total) in &self.counters {
            // A statement that is shown anew may begin at any number.
            if name.contains("other") {
                let before = before.counters.get(name).copied().unwrap_or(0);
                assert!(*total >= before, "{name}: {total} after {before}");
            }
        }
        self.seen = before.seen;
        for (name, calls) in &self.calls {
            let before = before.calls.get(name).cloned().unwrap_or_default();
            // A statement that made way and came back begins anew, which visitors take for a restart.
            let since = calls.since(&before).or_else(|| (name != "other other").then(|| calls.clone()));
            self.seen += since.expect("the rest never goes back").count();
        }
    }
}

fn name(labels: &[Label<'_>]) -> String {
    labels.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(" ")
}

impl Visitor for Series {
    fn counter(&mut self, metric: &Metric, labels: &[Label<'_>], total: u64) {
        self.counters.insert(format!("{} {}", metric.name, name(labels)), total);
    }

    fn gauge(&mut self, _: &Metric, _: &[Label<'_>], _: Reading) {}

    fn latency(&mut self, _: &Metric, labels: &[Label<'_>], snapshot: &LatencySnapshot) {
        self.calls.insert(name(labels), snapshot.clone());
    }
}

#[test]
fn metrics_show_the_few_that_matter_and_the_rest_as_one() {
    let statements = Statements::new(200);
    let columns: Vec<_> = (0..50).map(|n| format!("ä{n}")).collect();
    let long = format!("SELECT {} FROM t", columns.join(", "));
    let timer = statements.start(&long);
    for n in 0..100 {
        call(&statements, &table(n), n);
    }
    timer.end(Ok(1));
    let mut series = Series::default();
    series.read(&statements);
    assert_eq!(series.calls.len(), 21, "twenty and the rest");
    let label = series.calls.keys().find(|label| label.contains("ä0")).unwrap();
    assert_eq!(label.chars().count(), 120 + 1 + 16, "{label}");
    assert_eq!(series.seen, 1 + 99 * 100 / 2);

    // Others come to the top: what they had when they were part of the rest stays there.
    let late: Vec<_> = (0..50).map(|n| table(100 + n)).collect();
    late.iter().for_each(|sql| statements.start(sql).end(Ok(1)));
    series.read(&statements);
    for _ in 0..20 {
        let timers: Vec<_> = late.iter().map(|sql| statements.start(sql)).collect();
        series.read(&statements);
        timers.into_iter().for_each(|timer| timer.end(Ok(1)));
    }
    series.read(&statements);
    assert_eq!(series.calls.len(), 21);
    assert!(series.calls.keys().any(|label| label.contains("table_1")));
    assert_eq!(series.seen, 1 + 99 * 100 / 2 + 21 * 50, "each call is in one window of one series");
}

#[test]
fn all_statements_stay_within_their_bytes() {
    let statements = Statements::new(usize::MAX);
    for n in 0..Statements::MAX + 10 {
        let _ = statements.entry(&table(n));
    }
    assert_eq!(statements.len(), Statements::MAX);
}

#[test]
fn slow_calls_are_logged_without_values_and_not_too_often() {
    type Logged = (Fingerprint, String, String, u64);
    let logged: Arc<Mutex<Vec<Logged>>> = Arc::default();
    let statements = Statements::new(1);
    let sink = Arc::clone(&logged);
    let log = SlowLog::builder()
        .threshold(Duration::from_nanos(1))
        .per_second(4)
        .on_slow(move |slow| {
            let outcome = match slow.outcome {
                SlowOutcome::Rows(rows) => format!("{rows} rows"),
                SlowOutcome::Failed(code) => format!("failed {:?}", code.map(SqlState::code)),
                SlowOutcome::Cancelled => "cancelled".to_owned(),
                _ => "another".to_owned(),
            };
            let sql = slow.sql.to_owned();
            sink.lock().unwrap().push((slow.fingerprint, sql, outcome, slow.not_logged));
        })
        .build()
        .unwrap();
    statements.set_slow_log(log);
    let secret = "SELECT a FROM users WHERE password = 'secret'";
    statements.start(secret).end(Ok(2));
    statements.start(secret).end(Err(Some(SqlState::QUERY_CANCELED)));
    // Has no place of its own, and is logged with its text all the same.
    drop(statements.start("SELECT b"));
    statements.set_slow_log(None);
    statements.start(secret).end(Ok(2));
    let logged = logged.lock().unwrap().clone();
    let sql = "select a from users where password = $1".to_owned();
    let of = Fingerprint::of;
    assert_eq!(
        logged,
        [
            (of(secret), sql.clone(), "2 rows".to_owned(), 0),
            (of(secret), sql, "failed Some(\"57014\")".to_owned(), 0),
            (of("SELECT b"), "select b".to_owned(), "cancelled".to_owned(), 0),
        ]
    );
    assert_eq!(statements.slow_calls(), (3, 3));
}

#[test]
fn slow_calls_beyond_the_rate_are_counted() {
    let statements = Statements::new(1);
    let count = Arc::new(Mutex::new(0_u64));
    let sink = Arc::clone(&count);
    let log = SlowLog::builder()
        .threshold(Duration::from_nanos(1))
        .per_second(1)
        .on_slow(move |slow| *sink.lock().unwrap() += 1 + slow.not_logged)
        .build()
        .unwrap();
    statements.set_slow_log(log);
    call(&statements, "SELECT 1", 100);
    let (slow, logged) = statements.slow_calls();
    assert_eq!(slow, 100);
    // One each second: on a slow machine the hundred calls may take more than one.
    assert!((1..50).contains(&logged), "{logged}");
    assert!(*count.lock().unwrap() >= 1);
}

#[test]
fn a_log_that_cannot_be_is_refused() {
    for (builder, message) in [
        (SlowLog::builder().threshold(Duration::ZERO), "threshold = 0 ns: must be above zero"),
        (SlowLog::builder().per_second(0), "per_second = 0: must be at least 1"),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    }
}

#[test]
fn handles_cross_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Statements>();
    check::<Entry>();
    check::<Timer>();
    check::<SlowLog>();
}
