//! A prefix of many keys is cleared, and another client asks on.

use crate::word;
use perfect21_bench_redis_cache::{TTL, connect, runtime, server, text};
use perfect21_redis_cache::Cache;
use redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// The longest that the other client may wait once.
const SLOWEST: Duration = Duration::from_millis(50);

pub(crate) fn run(keys: u64) -> bool {
    println!("\n## A prefix of {keys} keys is cleared while another client asks for a key of its own");
    let redis = connect(|builder| builder);
    let cache: Cache<u64, String> = redis.typed("swept").ttl(TTL).build().expect("a cache");
    let prefix = cache.redis_key(&0).trim_end_matches('0').to_owned();
    let idle = runtime().block_on(async {
        fill(&prefix, keys).await;
        let seen = Watch::start("nothing else");
        tokio::time::sleep(Duration::from_secs(2)).await;
        seen.stop().await
    });
    let swept = runtime().block_on(async {
        let seen = Watch::start("sweep");
        let swept = cache.sweep().all().run().await.expect("it is swept");
        assert_eq!(swept.removed, keys, "{swept:?}");
        seen.stop().await
    });
    let keys_and_del = runtime().block_on(async {
        fill(&prefix, keys).await;
        let seen = Watch::start("KEYS + DEL");
        let mut connection = connection().await;
        let found: Vec<String> = connection.keys(format!("{prefix}*")).await.expect("all keys");
        let gone: u64 = connection.del(found).await.expect("none is left");
        assert_eq!(gone, keys);
        seen.stop().await
    });
    let cleared = runtime().block_on(async {
        fill(&prefix, keys).await;
        let seen = Watch::start("clear");
        cache.clear().await.expect("it is cleared");
        let seen = seen.stop().await;
        let _: () = redis::cmd("FLUSHALL").query_async(&mut connection().await).await.expect("it is empty");
        seen
    });
    println!(
        "\n| way | it took | GETs of the other meanwhile | p99 | slowest | target | |\n|---|---|---|---|---|---|---|"
    );
    let met = swept.slowest() <= SLOWEST;
    idle.print("nothing is cleared", "", "");
    swept.print("`Cache::sweep`", &format!("slowest ≤ {SLOWEST:?}"), word(met));
    keys_and_del.print("`KEYS`, then `DEL` of all", "", "");
    cleared.print("`Cache::clear` (out of date, memory given back later)", "", "");
    met
}

async fn connection() -> MultiplexedConnection {
    let client = Client::open(server().url()).expect("its URL is one");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    connection.set_response_timeout(Duration::from_secs(60));
    connection
}

/// Keys as the cache's, each with bytes as it has values.
async fn fill(prefix: &str, keys: u64) {
    let mut connection = connection().await;
    let value = text(0);
    for from in (0..keys).step_by(10_000) {
        let mut pipe = redis::pipe();
        for id in from..(from + 10_000).min(keys) {
            pipe.set(format!("{prefix}{id}"), &value).ignore();
        }
        let _: () = pipe.query_async(&mut connection).await.expect("they are set");
    }
}

/// The other client, and what it saw until it was stopped.
struct Watch {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Vec<Duration>>,
    progress: JoinHandle<()>,
    started: Instant,
}

impl Watch {
    fn start(what: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asking = tokio::spawn(ask(Arc::clone(&stop)));
        let progress = tokio::spawn(show_progress(what));
        Self { stop, asking, progress, started: Instant::now() }
    }

    async fn stop(self) -> Seen {
        let took = self.started.elapsed();
        self.stop.store(true, Relaxed);
        self.progress.abort();
        let mut waits = self.asking.await.expect("the other client gets its answers");
        waits.sort_unstable();
        Seen { took, waits }
    }
}

async fn ask(stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut connection = connection().await;
    let _: () = connection.set("other", "its value").await.expect("it is set");
    let mut waits = Vec::new();
    while !stop.load(Relaxed) {
        let started = Instant::now();
        let _: String = connection.get("other").await.expect("an answer");
        waits.push(started.elapsed());
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    waits
}

async fn show_progress(what: &'static str) {
    let mut connection = connection().await;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let left: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await.expect("a number");
        println!("({what}: {left} keys left)");
    }
}

/// How long the other client waited for each answer, the shortest first.
struct Seen {
    took: Duration,
    waits: Vec<Duration>,
}

impl Seen {
    fn slowest(&self) -> Duration {
        self.waits.last().copied().unwrap_or_default()
    }

    fn print(&self, way: &str, target: &str, word: &str) {
        let p99 = self.waits.get(self.waits.len() * 99 / 100).copied().unwrap_or_default();
        println!(
            "| {way} | {:.1?} | {} | {p99:.1?} | {:.1?} | {target} | {word} |",
            self.took,
            self.waits.len(),
            self.slowest()
        );
    }
}
