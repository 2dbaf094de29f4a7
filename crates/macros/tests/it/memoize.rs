//! What `#[memoize]` keeps of functions: sync and async, methods, results, recursion.

use perfect21_smart_cache::{memo::Memo, memoize};
use std::{
    num::ParseIntError,
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
};

/// Counts the runs of a function's body.
struct Runs(AtomicU32);

impl Runs {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn one(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    fn take(&self) -> u32 {
        self.0.swap(0, SeqCst)
    }
}

#[test]
fn a_body_runs_once_for_each_set_of_arguments() {
    static RUNS: Runs = Runs::new();

    #[memoize]
    fn join(prefix: &str, parts: &[u32], mut sum: u64) -> String {
        RUNS.one();
        sum += 1;
        format!("{prefix}{parts:?}{sum}")
    }

    for _ in 0..3 {
        assert_eq!(join("a", &[1, 2], 3), "a[1, 2]4");
        assert_eq!(join("a", &[1], 3), "a[1]4");
    }
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn a_function_without_arguments_or_result_is_run_once() {
    static RUNS: Runs = Runs::new();

    #[memoize]
    fn once() {
        RUNS.one();
    }

    once();
    once();
    assert_eq!(RUNS.take(), 1);
}

#[test]
fn of_a_result_only_what_is_ok_is_kept_unless_errors_are_wanted() {
    static RUNS: Runs = Runs::new();

    #[memoize]
    fn parse(text: &str) -> Result<u32, ParseIntError> {
        RUNS.one();
        let number: u32 = text.parse()?;
        if number == 0 {
            return Ok(1000);
        }
        Ok(number)
    }

    #[memoize(errors)]
    fn parse_all(text: &str) -> Result<u32, ParseIntError> {
        RUNS.one();
        text.parse()
    }

    for _ in 0..3 {
        assert_eq!((parse("7"), parse("0")), (Ok(7), Ok(1000)));
        assert!(parse("x").is_err());
    }
    assert_eq!(RUNS.take(), 5);
    for _ in 0..3 {
        assert!(parse_all("x").is_err() && parse_all("7") == Ok(7));
    }
    assert_eq!(RUNS.take(), 2);
}

#[test]
fn a_recursive_function_ends_also_on_many_threads() {
    static RUNS: Runs = Runs::new();

    #[memoize(max_entries = 5000)]
    fn steps(n: u64) -> u32 {
        RUNS.one();
        if n == 1 { 0 } else { 1 + steps(if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 }) }
    }

    let start = Barrier::new(4);
    thread::scope(|scope| {
        for offset in 0..4 {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for n in 1 + offset..300 {
                    steps(n);
                }
            });
        }
    });
    assert_eq!(steps(27), 111);
    let runs = RUNS.take();
    (1..300).for_each(|n| assert!(steps(n) < 200));
    assert!(runs < 5000 && RUNS.take() == 0, "{runs}");
}

#[test]
fn a_body_that_panics_keeps_nothing_and_runs_again() {
    static RUNS: Runs = Runs::new();

    #[memoize]
    fn picky(n: u32) -> u32 {
        RUNS.one();
        assert!(n > 0 || RUNS.0.load(SeqCst) > 1, "not the first time");
        n
    }

    assert!(std::panic::catch_unwind(|| picky(0)).is_err());
    assert_eq!((picky(0), picky(0), RUNS.take()), (0, 0, 2));
}

struct Shop {
    id: u32,
    factor: u64,
}

static PRICES: Memo = Memo::new();

impl Shop {
    #[memoize(key = (self.id, name.to_owned()), cache = PRICES, max_bytes = "1MB", weigh = |key, _| key.1.len() as u64)]
    fn price(&self, name: &str) -> u64 {
        name.len() as u64 * self.factor
    }
}

#[test]
fn a_method_is_told_apart_by_its_key_and_its_cache_can_be_reached() {
    let (one, other) = (Shop { id: 1, factor: 10 }, Shop { id: 2, factor: 100 });
    for _ in 0..2 {
        assert_eq!((one.price("oak"), other.price("oak")), (30, 300));
    }
    let cache = PRICES.cache::<(u32, String), u64>(|builder| builder);
    assert_eq!((cache.stats().hits, cache.stats().entries, cache.max_bytes()), (2, 2, 1_000_000));
    assert_eq!(cache.name(), "it::memoize::price");
    cache.clear();
    assert_eq!(Shop { id: 1, factor: 11 }.price("oak"), 33);
}

#[tokio::test]
async fn async_bodies_run_once_for_all_who_wait() {
    static RUNS: Runs = Runs::new();

    #[memoize(ttl = "1h")]
    async fn length(text: &str) -> usize {
        RUNS.one();
        tokio::task::yield_now().await;
        if text.is_empty() {
            return 0;
        }
        text.len()
    }

    #[memoize]
    async fn parse(text: String) -> Result<u32, ParseIntError> {
        RUNS.one();
        tokio::task::yield_now().await;
        let number: u32 = text.parse()?;
        Ok(number)
    }

    let (one, other, third) = tokio::join!(length("abc"), length("abc"), length(""));
    assert_eq!((one, other, third, RUNS.take()), (3, 3, 0, 2));
    for _ in 0..2 {
        assert_eq!(parse("7".to_owned()).await, Ok(7));
        assert!(parse("x".to_owned()).await.is_err());
    }
    assert_eq!(RUNS.take(), 3);
}
