//! Several processes, of which some are killed: this program, run again.

use perfect21_redis_cache::{Cache, ErrorPolicy, Health, Near, RedisCache};
use perfect21_test_support::redis::Redis;
use std::{
    env,
    future::pending,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};
use tokio::task::{block_in_place, yield_now};

use crate::support::{DEADLINE, Loaded, connect, until};

const LEASE: Duration = Duration::from_secs(1);
const ROUNDS: u64 = 300;

fn leased(redis: &RedisCache) -> Cache<u64, u64> {
    redis.typed("number").lease(LEASE).on_error(ErrorPolicy::Strict).build().unwrap()
}

fn tagged(redis: &RedisCache) -> Cache<u64, u64> {
    redis.typed("tagged").tags(|_| ["t"]).on_error(ErrorPolicy::Strict).build().unwrap()
}

/// Another process, which says on lines of its own what it has come to, and does what it reads.
struct Other {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Other {
    fn start(role: &str, server: &Redis) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["processes::another_process", "--exact", "--nocapture", "--test-threads=1"])
            .env("P21_ROLE", role)
            .env("P21_URL", server.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    fn tell(&mut self, number: u64) {
        writeln!(self.input, "{number}").unwrap();
    }

    /// Reads lines until it says this; other threads go on.
    fn hear(&mut self, words: &str) {
        block_in_place(|| {
            let mut line = String::new();
            // What the test harness says may stand before it on its line.
            while !line.trim_end().ends_with(words) {
                line.clear();
                assert!(self.output.read_line(&mut line).unwrap() > 0, "it ended before it said {words}");
            }
        });
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[allow(clippy::print_stdout, reason = "the way to tell the parent")]
fn say(words: &str) {
    println!("{words}");
}

/// Not a test by itself: what the other process does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process() {
    let (Ok(role), Ok(url)) = (env::var("P21_ROLE"), env::var("P21_URL")) else { return };
    let builder = RedisCache::builder(url).namespace("test").near(Near::new());
    let redis = builder.command_timeout(DEADLINE).connect_timeout(DEADLINE).connect().await.unwrap();
    match &*role {
        "holder" => {
            let load = || async {
                say("LOADING");
                pending::<Loaded>().await
            };
            leased(&redis).get_or_load(&7, load).await.unwrap();
        }
        _ => reads(&redis).await,
    }
}

/// Holds each value that it is told, and says when it is gone.
async fn reads(redis: &RedisCache) {
    let cache = tagged(redis);
    until("the near cache to open", async || match redis.health(DEADLINE).await {
        Health::Ready { .. } => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    for line in std::io::stdin().lines() {
        let number = line.unwrap().parse().unwrap();
        loop {
            let before = cache.stats().near_hits;
            if cache.get(&1).await.unwrap() == Some(number) && cache.stats().near_hits > before {
                break;
            }
        }
        say(&format!("HELD {number}"));
        while cache.get(&1).await.unwrap() == Some(number) {
            yield_now().await;
        }
        say(&format!("GONE {number}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_while_it_loads_is_followed_within_its_lease() {
    let server = Redis::start().unwrap();
    let mut holder = Other::start("holder", &server);
    holder.hear("LOADING");
    let cache = leased(&connect(&server).await);
    let waiters: Vec<_> = (0..20)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get_or_load(&7, || async { Loaded::Ok(2) }).await })
        })
        .collect();
    until("them to wait", async || match cache.stats().lease_waits {
        1 => Ok(()),
        waits => Err(format!("{waits} waits")),
    })
    .await;
    assert_eq!(cache.stats().loads, 0, "one load so far, of the holder");
    holder.process.kill().unwrap();
    let killed = Instant::now();
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap().unwrap(), 2);
    }
    let waited = killed.elapsed();
    assert_eq!(cache.stats().loads, 1, "two loads in all");
    assert_eq!(cache.get(&7).await.unwrap(), Some(2), "and is stored");
    // What else a busy machine adds is no fault of the cache.
    assert!(waited < LEASE + Duration::from_secs(2), "{waited:?} after a lease of {LEASE:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_reaches_other_processes_in_a_moment() {
    let server = Redis::start().unwrap();
    let mut reader = Other::start("reader", &server);
    let redis = connect(&server).await;
    let cache = tagged(&redis);
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        cache.set(&1, &round).await.unwrap();
        reader.tell(round);
        reader.hear(&format!("HELD {round}"));
        let begun = Instant::now();
        redis.invalidate(["t"]).await.unwrap();
        reader.hear(&format!("GONE {round}"));
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let [median, late] = [50, 99].map(|percent| times[times.len() * percent / 100]);
    eprintln!(
        "gone after {median:?} in the middle, {late:?} at the 99th percentile, {:?} at most",
        times[times.len() - 1]
    );
    // Far more than it takes, for a machine that is busy with something else.
    assert!(late < Duration::from_secs(1), "{late:?}");
}
