//! A cache bounded in entries and bytes, its expiry, its loader and its statistics; and a function that remembers.
//!
//! `cargo run --release --example cache_basics`

use perfect21_smart_cache::{Cache, Cause, memoize};
use std::{
    error::Error,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// The guide's memoised computation: run once for each argument, whoever calls.
#[memoize(max_entries = 1000)]
fn collatz_steps(n: u64) -> u32 {
    match n {
        1 => 0,
        _ if n.is_multiple_of(2) => 1 + collatz_steps(n / 2),
        _ => 1 + collatz_steps(3 * n + 1),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let evicted = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&evicted);
    let pages = Cache::<String, Arc<str>>::builder()
        .name("pages")
        .max_entries(1000)
        .max_bytes(100_000)
        .weigh() // by what a page owns, not by the size of a pointer
        .ttl(Duration::from_millis(100))
        .listener(move |_, _, cause| {
            if matches!(cause, Cause::Entries | Cause::Bytes) {
                counted.fetch_add(1, Relaxed);
            }
        })
        .build()?;

    // Both bounds hold at every instant: here the bytes bind, at less than a hundred pages of a thousand bytes.
    for n in 0..500 {
        pages.insert(format!("/{n}"), "x".repeat(1000).into())?;
    }
    writeln!(
        out,
        "{} pages of {} bytes are held, {} were evicted",
        pages.len(),
        pages.bytes(),
        evicted.load(Relaxed)
    )?;

    // What is heavier than the whole cache is given back, and pushes nothing out.
    if let Err(full) = pages.insert("/large".to_owned(), "x".repeat(200_000).into()) {
        writeln!(out, "refused: {full}")?;
    }

    // One load, however many threads ask for the page at once.
    let loads = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                pages.try_get_or_load_blocking("/news".to_owned(), || {
                    loads.fetch_add(1, Relaxed);
                    std::thread::sleep(Duration::from_millis(20)); // as a database would take
                    Ok::<_, io::Error>("news".into())
                })
            });
        }
    });
    writeln!(out, "8 threads asked for the news, {} loaded them", loads.load(Relaxed))?;

    std::thread::sleep(Duration::from_millis(110));
    writeln!(out, "after the TTL the news are {:?}", pages.get("/news"))?;

    let stats = pages.stats();
    writeln!(
        out,
        "{} hits, {} misses, {} coalesced, {} evicted for bytes, {} expired, {} refused",
        stats.hits, stats.misses, stats.coalesced, stats.evicted_by_bytes, stats.expired, stats.refused
    )?;
    writeln!(out, "27 takes {} steps to reach 1", collatz_steps(27))?;
    Ok(())
}
