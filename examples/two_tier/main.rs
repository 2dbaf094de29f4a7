//! A cache of two tiers: what a read costs in each, how soon another process's change is seen, and what an outage costs.
//!
//! `cargo run --release --example two_tier -- [--redis[=URL]]`
//!
//! In memory there is one tier, and no other process.

mod outage;
mod times;

use perfect21_examples::redis::{Place, USAGE};
use perfect21_redis_cache::{Cache, ErrorPolicy, LoadError, Near, RedisCache};
use std::{
    convert::Infallible,
    error::Error,
    io::{self, Write},
    time::{Duration, Instant},
};
use times::Times;

const PRODUCTS: u64 = 1000;
const CHANGES: u64 = 300;
/// What the source takes.
const LOAD: Duration = Duration::from_millis(5);

type Prices = Cache<u64, u64>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    let Some(place) = Place::of_arguments()? else {
        writeln!(out, "two_tier [--redis[=URL]]\n{USAGE}")?;
        return Ok(());
    };
    writeln!(out, "the cache is {}\n", place.kind())?;
    let near = Near::new().max_entries(100_000).max_bytes(64 << 20);
    let (redis, other) = (place.connect(Some(near.clone())).await?, place.connect(Some(near)).await?);
    let (prices, theirs) = (prices(&redis)?, prices(&other)?);
    prices.clear().await?;

    reads(&mut out, &prices).await?;
    if place.is_server() {
        changes(&mut out, &prices, &theirs).await?;
    }
    if let Some(server) = place.private() {
        outage::show(&mut out, server, &prices).await?;
    }
    let stats = prices.stats();
    writeln!(
        out,
        "\nin all: {} hits, {} of them near; {} misses, {} loads, {} stale answers, {} errors",
        stats.hits,
        stats.near_hits,
        stats.misses,
        stats.loads,
        stats.stale,
        stats.errors.total()
    )?;
    Ok(place.clean(&redis).await?)
}

fn prices(redis: &RedisCache) -> Result<Prices, Box<dyn Error>> {
    let prices = redis.typed("price").ttl(Duration::from_secs(600)).stale_for(Duration::from_secs(600));
    Ok(prices.on_error(ErrorPolicy::StaleOnError).build()?)
}

async fn price(prices: &Prices, product: u64) -> Result<u64, LoadError<Infallible>> {
    let load = move || async move {
        tokio::time::sleep(LOAD).await;
        Ok(product * 100)
    };
    prices.get_or_load(&product, load).await
}

/// Each product three times: loaded, from the server where there is one, and from this process.
async fn reads(out: &mut impl Write, prices: &Prices) -> Result<(), Box<dyn Error>> {
    writeln!(out, "{:<44} {:>9} {:>9} {:>9}", "a price, one caller", "p50", "p99", "slowest")?;
    for what in ["loaded from a source that takes 5 ms", "the second read", "the third read"] {
        let mut times = Times::default();
        for product in 0..PRODUCTS {
            let began = Instant::now();
            price(prices, product).await?;
            times.push(began.elapsed());
        }
        times.print(out, what)?;
    }
    Ok(())
}

/// Another process writes, and this one asks until it sees it.
async fn changes(out: &mut impl Write, prices: &Prices, theirs: &Prices) -> Result<(), Box<dyn Error>> {
    let mut times = Times::default();
    for nth in 0..CHANGES {
        let product = nth % PRODUCTS;
        let new = 1_000_000 + nth;
        price(prices, product).await?;
        theirs.set(&product, &new).await?;
        let written = Instant::now();
        while prices.get(&product).await? != Some(new) {
            tokio::task::yield_now().await;
        }
        times.push(written.elapsed());
    }
    writeln!(out)?;
    times.print(out, "until another process's write is seen here")?;
    Ok(())
}
