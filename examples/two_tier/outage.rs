//! The server is killed under readers, and started again.

use crate::{Prices, times::Times};
use perfect21_test_support::redis::Redis;
use std::{
    error::Error,
    io::Write,
    time::{Duration, Instant},
};

const DOWN: Duration = Duration::from_secs(1);

pub(crate) async fn show(
    out: &mut impl Write,
    server: &Redis,
    prices: &Prices,
) -> Result<(), Box<dyn Error>> {
    server.kill()?;
    let (killed, mut times, mut reads, mut answered) = (Instant::now(), Times::default(), 0, 0);
    while killed.elapsed() < DOWN {
        let began = Instant::now();
        // What `get_or_load` would load, as the source is there.
        answered += u64::from(prices.get(&(reads % 500)).await?.is_some());
        times.push(began.elapsed());
        reads += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    writeln!(out)?;
    times.print(out, "a look-up while the server is killed")?;
    writeln!(out, "  {answered} of {reads} were answered, with what this process had last")?;

    // It takes a moment to start, which is not the cache's.
    server.restart()?;
    let started = Instant::now();
    while prices.set(&0, &0).await.is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    writeln!(out, "  {:.0?} after it was back the first write was confirmed", started.elapsed())?;
    Ok(())
}
