//! A loader before a source that is fast, then slow, then down, then back: with fail-safe and without.
//!
//! `cargo run --release --example load_with_failsafe`
//!
//! The source is a real server on loopback, which answers each connection with a number. Eight clients ask for it all the
//! time.

use perfect21_smart_cache::{Loader, loader::LoaderBuilder, runtime::Tokio};
use std::{
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep},
};

const PHASE: Duration = Duration::from_millis(1500);
const CLIENTS: usize = 8;
const PAUSE: Duration = Duration::from_millis(5);

/// What the source does in each phase: answers after so long, or not at all.
const PHASES: [(&str, Option<Duration>); 4] = [
    ("fast", Some(Duration::from_millis(2))),
    ("slow", Some(Duration::from_millis(400))),
    ("down", None),
    ("back", Some(Duration::from_millis(2))),
];

type Rates = Loader<&'static str, u64, Arc<io::Error>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut text = format!(
        "{CLIENTS} clients, {PHASE:?} a phase, values fresh for 200 ms\n\n{:<12} {:<6} {:>8} {:>7} {:>7} {:>10} {:>10}\n",
        "loader", "source", "answers", "errors", "stale", "p99", "slowest"
    );
    for (name, fail_safe) in [("plain", false), ("fail-safe", true)] {
        text += &run(name, fail_safe).await?;
    }
    text += "\nPlain: who asks waits for the source, and gets its error. Fail-safe: the last value is answered at once while \
             the source is slow or down, for up to a minute, and the source is asked twice a second.\n";
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn loader(address: SocketAddr, fail_safe: bool) -> Result<Rates, Box<dyn Error>> {
    let builder: LoaderBuilder<_, _, _> =
        Loader::builder(move |_| async move { ask(address).await.map_err(Arc::new) });
    let builder = builder.name("rates").max_entries(100).ttl(Duration::from_millis(200));
    let builder = if fail_safe {
        builder
            .runtime(Tokio)
            .refresh_at(0.8)
            .stale_on_error(Duration::from_secs(60), Duration::from_millis(500))
            .soft_timeout(Duration::from_millis(20))
            .hard_timeout(Duration::from_secs(2))
    } else {
        builder
    };
    Ok(builder.build()?)
}

async fn run(name: &str, fail_safe: bool) -> Result<String, Box<dyn Error>> {
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let (loader, mut text) = (loader(address, fail_safe)?, String::new());
    for (phase, answers_after) in PHASES {
        let source = match answers_after {
            Some(after) => Some(tokio::spawn(serve(TcpListener::bind(address).await?, after))),
            None => None, // refuses connections
        };
        let (before, end) = (loader.stats(), Instant::now() + PHASE);
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(client(loader.clone(), end));
        }
        let (mut times, mut errors) = (Vec::new(), 0);
        while let Some(client) = clients.join_next().await {
            let (its_times, its_errors) = client?;
            times.extend(its_times);
            errors += its_errors;
        }
        if let Some(source) = source {
            source.abort();
            let _ = source.await; // its listener is closed then
        }
        times.sort();
        let at = |share: f64| {
            times.get(((times.len() as f64 - 1.0) * share) as usize).copied().unwrap_or_default()
        };
        text += &format!(
            "{name:<12} {phase:<6} {:>8} {errors:>7} {:>7} {:>10.1?} {:>10.1?}\n",
            times.len() - errors,
            loader.stats().stale - before.stale,
            at(0.99),
            at(1.0),
        );
    }
    Ok(text)
}

/// Asks until the phase is over; gives how long each answer took, and how many were errors.
async fn client(loader: Rates, end: Instant) -> (Vec<Duration>, usize) {
    let (mut times, mut errors) = (Vec::new(), 0);
    while Instant::now() < end {
        let start = Instant::now();
        errors += usize::from(loader.get("EUR").await.is_err());
        times.push(start.elapsed());
        sleep(PAUSE).await;
    }
    (times, errors)
}

async fn ask(address: SocketAddr) -> io::Result<u64> {
    let (mut stream, mut answer) = (TcpStream::connect(address).await?, String::new());
    stream.read_to_string(&mut answer).await?;
    answer.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Ends when it is aborted, and its connections with it.
async fn serve(listener: TcpListener, after: Duration) {
    let mut connections = JoinSet::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        connections.spawn(async move {
            sleep(after).await;
            stream.write_all(b"107\n").await
        });
    }
}
