//! A server that crashes while sixteen tasks write.

use crate::Result;
use perfect21_db_stats::Pool;
use perfect21_test_support::postgres::Postgres;
use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

const WRITERS: usize = 16;

#[derive(Default)]
struct Tally {
    next: AtomicI64,
    acknowledged: Mutex<Vec<(i64, Instant)>>,
    errors: Mutex<Vec<String>>,
    stop: AtomicBool,
}

pub(crate) async fn show(pool: &Pool, server: &Postgres) -> Result<()> {
    let mut out = io::stdout();
    writeln!(out, "\nA crash while {WRITERS} tasks write")?;
    let tally = Arc::new(Tally::default());
    let writers: Vec<_> =
        (0..WRITERS).map(|_| tokio::spawn(write(pool.clone(), Arc::clone(&tally)))).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let killed = Instant::now();
    tokio::task::block_in_place(|| {
        server.kill_hard()?;
        std::thread::sleep(Duration::from_millis(500));
        server.restart()
    })?;
    let ready = Instant::now();
    tokio::time::sleep(Duration::from_millis(500)).await;
    tally.stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await?;
    }
    let rows = pool.get().await?.query("SELECT id FROM written", &[]).await?;
    let there: BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect();
    let acknowledged = tally.acknowledged.lock().map_err(|_| "a writer panicked")?.clone();
    let lost = acknowledged.iter().filter(|(id, _)| !there.contains(id)).count();
    let first = acknowledged.iter().map(|(_, at)| *at).filter(|at| *at > ready).min();
    let errors = tally.errors.lock().map_err(|_| "a writer panicked")?.clone();
    writeln!(out, "  killed by signal 9, ready again after {:.1?}", ready - killed)?;
    writeln!(
        out,
        "  {} errors seen by the tasks; first write {} after the server was ready",
        errors.len(),
        first.map_or("not".to_owned(), |first| format!("{:.1?}", first - ready))
    )?;
    writeln!(out, "  {} writes acknowledged, {lost} of them lost", acknowledged.len())?;
    if let Some(error) = errors.first() {
        writeln!(out, "  the first error: {error}")?;
    }
    Ok(())
}

async fn write(pool: Pool, tally: Arc<Tally>) {
    while !tally.stop.load(Ordering::Relaxed) {
        let id = tally.next.fetch_add(1, Ordering::Relaxed);
        let insert = async { pool.get().await?.execute("INSERT INTO written VALUES ($1)", &[&id]).await };
        match insert.await {
            Ok(_) => {
                if let Ok(mut acknowledged) = tally.acknowledged.lock() {
                    acknowledged.push((id, Instant::now()));
                }
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                if let Ok(mut errors) = tally.errors.lock() {
                    errors.push(format!("{error}{}", cause.unwrap_or_default()));
                }
            }
        }
    }
}
