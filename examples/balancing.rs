//! Requests over five servers, one of which turns slow, then fails at once, then is well again: one after the other, and
//! balanced.
//!
//! `cargo run --release --example balancing`
//!
//! The servers are real ones on loopback, which answer each connection with a number. Sixteen clients ask all the time.

use perfect21_concurrency::{Balancer, balance::EndpointState};
use std::{
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

const SERVERS: usize = 5;
const CLIENTS: usize = 16;
const PHASE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(2);

/// What the first server does in each phase.
const PHASES: [(&str, u8); 4] = [("well", WELL), ("slow", SLOW), ("failing", FAILING), ("well again", WELL)];
const WELL: u8 = 0;
const SLOW: u8 = 1;
const FAILING: u8 = 2;

/// Who says where a request goes.
enum Spread {
    RoundRobin(Vec<SocketAddr>, AtomicUsize),
    Balanced(Balancer<SocketAddr>),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mode, asked) = (Arc::new(AtomicU8::new(WELL)), Arc::new(AtomicUsize::new(0)));
    let (mut servers, mut addresses) = (JoinSet::new(), Vec::new());
    for nth in 0..SERVERS {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.push(listener.local_addr()?);
        let first = (nth == 0).then(|| (Arc::clone(&mode), Arc::clone(&asked)));
        servers.spawn(serve(listener, first));
    }
    let spreads = [
        ("one after the other", Spread::RoundRobin(addresses.clone(), AtomicUsize::new(0))),
        ("balanced", Spread::Balanced(Balancer::builder(addresses).name("servers").build()?)),
    ];
    let mut out = io::stdout();
    writeln!(
        out,
        "{CLIENTS} clients, {SERVERS} servers that take 2 ms, {PHASE:?} a phase; the first one is slow (40 ms), then fails\n"
    )?;
    writeln!(
        out,
        "{:<20} {:<11} {:>9} {:>7} {:>12} {:>9} {:>9}",
        "requests go", "first one", "answers", "errors", "to the first", "p50", "p99"
    )?;
    for (name, spread) in spreads {
        let spread = Arc::new(spread);
        for (phase, of_the_first) in PHASES {
            mode.store(of_the_first, SeqCst);
            asked.store(0, SeqCst);
            let line = run(&spread).await?;
            let share = asked.load(SeqCst) as f64 / (line.answers + line.errors).max(1) as f64 * 100.0;
            writeln!(
                out,
                "{name:<20} {phase:<11} {:>9} {:>7} {share:>10.1} % {:>9.1?} {:>9.1?}",
                line.answers, line.errors, line.p50, line.p99
            )?;
        }
        if let Spread::Balanced(balancer) = &*spread {
            let ejections: u64 = balancer.stats().iter().map(|stats| stats.ejections).sum();
            let out_now =
                balancer.stats().iter().filter(|stats| stats.state != EndpointState::Available).count();
            writeln!(
                out,
                "\nejected {ejections} times in all, {out_now} out at the end; a request that fails is asked elsewhere"
            )?;
        }
    }
    Ok(())
}

struct Line {
    answers: usize,
    errors: usize,
    p50: Duration,
    p99: Duration,
}

async fn run(spread: &Arc<Spread>) -> Result<Line, Box<dyn Error>> {
    let (mut clients, end) = (JoinSet::new(), Instant::now() + PHASE);
    for _ in 0..CLIENTS {
        clients.spawn(client(Arc::clone(spread), end));
    }
    let (mut times, mut errors) = (Vec::new(), 0);
    while let Some(client) = clients.join_next().await {
        let (its_times, its_errors) = client?;
        times.extend(its_times);
        errors += its_errors;
    }
    times.sort();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    Ok(Line { answers: times.len(), errors, p50: at(0.5), p99: at(0.99) })
}

/// Asks until the phase is over; gives how long the answers took, and how many requests failed.
async fn client(spread: Arc<Spread>, end: Instant) -> (Vec<Duration>, usize) {
    let (mut times, mut errors) = (Vec::new(), 0);
    while Instant::now() < end {
        let start = Instant::now();
        let answer = match &*spread {
            Spread::RoundRobin(servers, next) => {
                ask(servers[next.fetch_add(1, SeqCst) % servers.len()]).await.is_ok()
            }
            Spread::Balanced(balancer) => balancer.run(|server| ask(*server)).await.is_ok(),
        };
        if answer {
            times.push(start.elapsed())
        } else {
            errors += 1
        }
        sleep(PAUSE).await;
    }
    (times, errors)
}

async fn ask(server: SocketAddr) -> io::Result<u64> {
    let ask = async {
        let (mut stream, mut answer) = (TcpStream::connect(server).await?, String::new());
        stream.read_to_string(&mut answer).await?;
        answer.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    };
    timeout(Duration::from_secs(1), ask).await?
}

/// Answers for ever; the first server counts, and does what the phase says.
async fn serve(listener: TcpListener, first: Option<(Arc<AtomicU8>, Arc<AtomicUsize>)>) {
    let mut connections = JoinSet::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        let mode = first.as_ref().map_or(WELL, |(mode, asked)| {
            asked.fetch_add(1, SeqCst);
            mode.load(SeqCst)
        });
        connections.spawn(async move {
            match mode {
                FAILING => return Ok(()),
                SLOW => sleep(Duration::from_millis(40)).await,
                _ => sleep(Duration::from_millis(2)).await,
            }
            stream.write_all(b"42\n").await
        });
        while connections.try_join_next().is_some() {}
    }
}
