//! A limit that finds itself, before a server whose capacity changes; then the same with one that was right at first.
//!
//! `cargo run --release --example adaptive_limit -- [--seconds N]` (a phase; 6 by default)
//!
//! The server is a real one on loopback: so many workers, each of which takes a while for an answer, and a queue in front of
//! them that no one bounds but the limit. Requests come at a fixed rate, whatever becomes of them. What happens is plotted line
//! by line, and at the end in `target/adaptive_limit.html`.

mod plot;
mod server;

use perfect21_concurrency::{
    Limit,
    limit::{LimitBuilder, Outcome},
};
use perfect21_examples::cli;
use plot::Second;
use server::Server;
use std::{
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

/// Requests a second.
const RATE: u32 = 2000;
/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the server has in each phase: workers, and how long one takes.
const PHASES: [(usize, Duration); 4] = [
    (16, Duration::from_millis(10)),
    (4, Duration::from_millis(10)),
    (32, Duration::from_millis(10)),
    (32, Duration::from_millis(40)),
];

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let seconds = arguments()?;
    let limits: [(&str, LimitBuilder); 2] =
        [("adaptive", Limit::adaptive().initial(20)), ("fixed at 16", Limit::builder(16))];
    let mut runs = Vec::new();
    for (name, builder) in limits {
        let limit = builder.name(name).max_queue(0).build()?;
        writeln!(io::stdout(), "\n{name}: {RATE} requests/s\n{}", plot::HEAD)?;
        runs.push((name, watch(&limit, seconds).await?));
    }
    let path = plot::write(&runs)?;
    writeln!(io::stdout(), "\n{}\nplotted in {path}", plot::summary(&runs, seconds as usize))?;
    Ok(())
}

/// All phases before one server; what each second brought.
async fn watch(limit: &Limit, seconds: u64) -> Result<Vec<Second>, Box<dyn Error>> {
    let server = Server::start().await?;
    let (mut calls, mut all) = (JoinSet::new(), Vec::new());
    let mut tick = interval(Duration::from_millis(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for (workers, takes) in PHASES {
        server.set(workers, takes);
        for _ in 0..seconds {
            let seen = Arc::new(Mutex::new(Seen::default()));
            for _ in 0..1000 {
                tick.tick().await;
                for _ in 0..RATE / 1000 {
                    calls.spawn(call(limit.clone(), server.address(), Arc::clone(&seen)));
                }
                while calls.try_join_next().is_some() {}
            }
            let second =
                seen.lock().map_err(|_| "a call panicked")?.second(workers, takes, limit.stats().limit);
            writeln!(io::stdout(), "{}", second.line())?;
            all.push(second);
        }
    }
    // What is still under way belongs to nobody's second.
    let end = Instant::now() + PATIENCE;
    while tokio::select! { joined = calls.join_next() => joined.is_some(), () = sleep_until(end) => false } {}
    Ok(all)
}

/// What the calls of one second have come to by its end.
#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    refused: u32,
    late: u32,
}

impl Seen {
    fn second(&mut self, workers: usize, takes: Duration, limit: usize) -> Second {
        self.times.sort_unstable();
        let p50 = self.times.get(self.times.len() / 2).copied();
        // What the server can do, or what was asked of it if that is less.
        let capacity = (workers as f64 / takes.as_secs_f64()).min(f64::from(RATE));
        let goodput = self.times.len() as f64 / capacity;
        Second { workers, takes, limit, goodput, p50, refused: self.refused, late: self.late }
    }
}

async fn call(limit: Limit, server: SocketAddr, seen: Arc<Mutex<Seen>>) {
    let began = Instant::now();
    // An answer that came too late is one that the server need not have given: overload.
    let ask = async { timeout(PATIENCE, server::ask(server)).await.map_err(drop)?.map_err(drop) };
    let result = limit.run_with(ask, Outcome::of).await;
    let Ok(mut seen) = seen.lock() else { return };
    match result {
        Ok(Ok(())) => seen.times.push(began.elapsed()),
        Ok(Err(())) => seen.late += 1,
        Err(_) => seen.refused += 1,
    }
}

fn arguments() -> Result<u64, Box<dyn Error>> {
    use lexopt::prelude::{Long, ValueExt};
    let (mut parser, mut seconds) = (lexopt::Parser::from_env(), 6);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seconds") => seconds = cli::number("seconds", &parser.value()?.string()?, 1, 600)?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(seconds)
}
