//! Lookups by a pool, by a read lane and by a query cache, and how late the cache hears of another writer.

use crate::{ROWS, Result};
use perfect21_db_stats::{Pool, QueryCache, ReadLane};
use perfect21_examples::server::Server;
use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const LOOKUP: &str = "SELECT name, price FROM products WHERE id = $1";
const TASKS: usize = 32;

pub(crate) async fn show(pool: &Pool, server: &Server, time: Duration) -> Result<()> {
    let mut out = io::stdout();
    writeln!(out, "\nLookups by primary key, {TASKS} tasks, {time:?} each")?;
    writeln!(out, "  {:<26} {:>10} {:>9} {:>9}", "by", "lookups/s", "p50", "p99")?;
    let lane = ReadLane::builder(pool.clone()).connections(2).build()?;
    let cache = QueryCache::builder(pool.clone()).listen(true).build()?;
    cache.watch(&["products"]).await?;

    let by_pool = pool.clone();
    let from_pool = measure(time, move |id| {
        let pool = by_pool.clone();
        async move {
            pool.get().await?.query_one(LOOKUP, &[&id]).await?;
            Ok(())
        }
    })
    .await?;
    let from_lane = measure(time, move |id| {
        let lane = lane.clone();
        async move {
            lane.query_one(LOOKUP, &[&id]).await?;
            Ok(())
        }
    })
    .await?;
    let cached = cache.clone();
    let from_cache = measure(time, move |id| {
        let cache = cached.clone();
        // A thousand of the rows are asked for, as the busy ones of a shop are.
        async move {
            cache.query(LOOKUP, &[&(id % 1000)]).await?;
            Ok(())
        }
    })
    .await?;
    let most = [&from_pool, &from_lane, &from_cache]
        .map(|figures| figures.per_second)
        .into_iter()
        .fold(0.0, f64::max);
    from_pool.print(&mut out, "the pool, 8 connections", most)?;
    from_lane.print(&mut out, "a read lane, 2 connections", most)?;
    from_cache.print(&mut out, "a query cache", most)?;
    let stats = cache.stats();
    let loads = stats.loads.cache.loads;
    writeln!(
        out,
        "  the cache asked the server {loads} times for {} answers",
        stats.loads.cache.hits + loads
    )?;
    lag(&cache, server, &mut out).await
}

struct Figures {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

impl Figures {
    fn print(&self, out: &mut impl Write, by: &str, most: f64) -> io::Result<()> {
        let bar = "█".repeat((self.per_second / most * 30.0).ceil() as usize);
        let (p50, p99) = (format!("{:.1?}", self.p50), format!("{:.1?}", self.p99));
        writeln!(out, "  {by:<26} {:>10.0} {p50:>9} {p99:>9} {bar}", self.per_second)
    }
}

async fn measure<F, Fut>(time: Duration, lookup: F) -> Result<Figures>
where
    F: Fn(i32) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    let stop = Arc::new(AtomicBool::new(false));
    let begin = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (lookup, stop) = (lookup.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut times = Vec::new();
                let mut key = task as i32;
                while !stop.load(Ordering::Relaxed) {
                    key = (key + 7919) % ROWS;
                    let begin = Instant::now();
                    lookup(key).await?;
                    times.push(begin.elapsed());
                    // Answers at hand never wait, and others want a turn.
                    tokio::task::consume_budget().await;
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let per_second = times.len() as f64 / begin.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize];
    Ok(Figures { per_second, p50: at(0.5), p99: at(0.99) })
}

/// Another process writes: from its answer on, how long until the cache gives the new row?
async fn lag(cache: &QueryCache, server: &Server, out: &mut impl Write) -> Result<()> {
    let (client, connection) = server.config().connect(tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let schema = crate::SCHEMA;
    let update = client.prepare(&format!("UPDATE {schema}.products SET price = $1 WHERE id = 1")).await?;
    let mut times = Vec::new();
    for price in 1000..1200 {
        client.execute(&update, &[&price]).await?;
        let written = Instant::now();
        while cache.query(LOOKUP, &[&1]).await?.get(0).ok_or("the row is gone")?.get::<i32>("price")? != price
        {
            if written.elapsed() > Duration::from_secs(10) {
                return Err("the cache did not hear of another writer within 10 s".into());
            }
            tokio::task::yield_now().await;
        }
        times.push(written.elapsed());
    }
    times.sort_unstable();
    let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize];
    writeln!(
        out,
        "  another process's write is seen {:.1?} after it was answered (median of {}), {:.1?} at the latest",
        at(0.5),
        times.len(),
        at(1.0)
    )?;
    Ok(())
}
