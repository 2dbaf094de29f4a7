//! A function that is answered from Redis: once for all processes, until its time is over or its source changes.
//!
//! `cargo run --release --example cached_fn -- [--redis[=URL]]`

use perfect21_examples::redis::{Place, USAGE};
use perfect21_redis_cache::{Cache, LoadError, RedisCache, cached};
use std::{
    error::Error,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// What a slow service says, and how often it was asked.
#[derive(Clone)]
struct Forecasts {
    known: Cache<str, String>,
    asked: Arc<AtomicU64>,
}

impl Forecasts {
    fn new(redis: &RedisCache) -> Result<Self, Box<dyn Error>> {
        Ok(Self { known: redis.typed("forecast").build()?, asked: Arc::default() })
    }

    /// The weather of tomorrow; `None` where nobody lives. An error is told to who asked, and not kept.
    #[cached(cache = self.known, key = city, ttl = "5m", tags = [format!("weather:{city}")])]
    async fn tomorrow(&self, city: &str) -> Result<Option<String>, LoadError<io::Error>> {
        self.asked.fetch_add(1, Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await; // as the service takes
        match city {
            "Atlantis" => Ok(None),
            "Babel" => Err(io::Error::other("the service does not speak the language")),
            city => Ok(Some(format!("rain in {city}"))),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    let Some(place) = Place::of_arguments()? else {
        writeln!(out, "cached_fn [--redis[=URL]]\n{USAGE}")?;
        return Ok(());
    };
    let redis = place.connect(None).await?;
    let forecasts = Forecasts::new(&redis)?;
    // Nothing of a run before.
    forecasts.known.clear().await?;
    writeln!(out, "the cache is {}\n", place.kind())?;

    let began = Instant::now();
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let forecasts = forecasts.clone();
            tokio::spawn(async move { forecasts.tomorrow("Bergen").await })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    writeln!(
        out,
        "1000 callers at once: the service was asked {} time(s), all were answered in {:.1?}",
        forecasts.asked.swap(0, Relaxed),
        began.elapsed()
    )?;

    let began = Instant::now();
    let bergen = forecasts.tomorrow("Bergen").await?;
    writeln!(out, "once more: {bergen:?} in {:.0?}", began.elapsed())?;

    for _ in 0..3 {
        forecasts.tomorrow("Atlantis").await?;
    }
    writeln!(out, "that there is nothing is kept too: asked {} time(s)", forecasts.asked.swap(0, Relaxed))?;

    for _ in 0..2 {
        if let Err(error) = forecasts.tomorrow("Babel").await {
            writeln!(
                out,
                "an error is not: {error}: {}",
                error.source().map_or_else(String::new, ToString::to_string)
            )?;
        }
    }
    writeln!(out, "asked {} times", forecasts.asked.swap(0, Relaxed))?;

    redis.invalidate(["weather:Bergen"]).await?;
    forecasts.tomorrow("Bergen").await?;
    writeln!(out, "after the weather of Bergen changed: asked {} time", forecasts.asked.swap(0, Relaxed))?;
    Ok(place.clean(&redis).await?)
}
