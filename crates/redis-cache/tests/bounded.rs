//! Failures cost a bounded amount of time and memory. In a process of its own: it measures the CPU time and memory of the
//! whole process, one test at a time.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_redis_cache::{Cache, ErrorKind, ErrorPolicy, Health, Near, RedisCache};
use perfect21_test_support::{
    fault::{Proxy, Way},
    redis::{Redis, Reply},
    soak,
};
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::{sync::Mutex, time::sleep};

#[path = "it/support/mod.rs"]
mod support;
use support::{DEADLINE, until};

static ALONE: Mutex<()> = Mutex::const_new(());

const TIMEOUT: Duration = Duration::from_millis(200);

fn strict<V: serde::Serialize + serde::de::DeserializeOwned + 'static>(redis: &RedisCache) -> Cache<u64, V> {
    redis.typed("number").on_error(ErrorPolicy::Strict).max_value_bytes(MAX_VALUE).build().unwrap()
}

/// The largest that a cache may be given.
const MAX_VALUE: usize = 512_000_000;

/// How long this process has run on any core, to hundredths of a second.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// Bytes of memory that this process has now, and the most that it ever had.
fn memory() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    };
    (of("VmRSS:"), of("VmHWM:"))
}

async fn is_open(redis: &RedisCache) {
    until("the near cache to open", async || match redis.health(DEADLINE).await {
        Health::Ready { .. } => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

/// Nothing spins: with nobody asking anything, timers are on time and cores are idle.
async fn is_idle(after: &str) {
    let before = cpu();
    let start = Instant::now();
    let mut latest = Duration::ZERO;
    for _ in 0..6 {
        let asked = Instant::now();
        sleep(Duration::from_millis(50)).await;
        latest = latest.max(asked.elapsed());
    }
    let (spent, passed) = (cpu() - before, start.elapsed());
    assert!(latest < Duration::from_secs(1), "{after}: a sleep of 50 ms took {latest:?}");
    assert!(spent < passed / 2, "{after}: {spent:?} of {passed:?} on a core with nothing to do");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_end_after_any_number_of_bytes_spin_nothing() {
    let _alone = ALONE.lock().await;
    let server = Redis::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let builder =
        RedisCache::builder(format!("redis://{}", proxy.addr())).namespace("test").near(Near::new());
    let builder = builder.command_timeout(TIMEOUT).connect_timeout(DEADLINE).ping_interval(TIMEOUT);
    let redis = builder.connect().await.unwrap();
    is_open(&redis).await;
    let cache = strict::<u64>(&redis);
    let cuts = [1..64, 64..256, 256..400].into_iter().zip([1, 7, 23]);
    let every = soak::rounds(3, 1) as usize;
    for (nth, bytes) in cuts.flat_map(|(range, step)| range.step_by(step)).step_by(every).enumerate() {
        for way in [Way::ToServer, Way::ToClient] {
            // On whichever connection it comes: in the middle of a command, an answer, a handshake.
            let cut = proxy.stats().cut;
            proxy.cut_after(way, bytes);
            until("the cut", async || {
                let _ = cache.set(&1, &bytes).await;
                let _ = cache.get(&1).await;
                if proxy.stats().cut > cut { Ok(()) } else { Err("not yet".to_owned()) }
            })
            .await;
            until("a write after the cut", async || cache.set(&1, &bytes).await.map_err(|e| e.to_string()))
                .await;
            until("a read after the cut", async || match cache.get(&1).await {
                Ok(Some(seen)) if seen == bytes => Ok(()),
                other => Err(format!("{other:?}")),
            })
            .await;
        }
        if nth % 8 == 0 {
            is_idle(&format!("cut after {bytes}")).await;
        }
    }
    is_open(&redis).await;
    is_idle("the last cut").await;
    // While it is down for good, too.
    proxy.refuse();
    proxy.cut();
    until("the outage to be seen", async || match redis.health(DEADLINE).await {
        Health::Down(_) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    is_idle("nobody accepts connections").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_during_an_outage_take_no_room_and_no_time() {
    let _alone = ALONE.lock().await;
    let server = Redis::start().unwrap();
    let builder = RedisCache::builder(server.url()).namespace("test").connect_timeout(DEADLINE);
    let redis = builder.command_timeout(TIMEOUT).connect().await.unwrap();
    let cache = strict::<u64>(&redis);
    cache.set(&0, &0).await.unwrap();
    server.kill().unwrap();
    until("the outage to be seen", async || match redis.health(DEADLINE).await {
        Health::Down(_) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let (before, _) = memory();
    let each = u64::from(soak::rounds(50_000, 250_000));
    let tasks: Vec<_> = (0..4_u64)
        .map(|task| {
            let cache = cache.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                for key in (0..each).map(|key| 4 * key + task + 1) {
                    let asked = Instant::now();
                    let error = cache.set(&key, &key).await.unwrap_err();
                    times.push(u32::try_from(asked.elapsed().as_nanos()).unwrap_or(u32::MAX));
                    // A first few may have set out before the outage was known everywhere.
                    let kinds = [ErrorKind::Unavailable, ErrorKind::Timeout];
                    assert!(kinds.contains(&error.kind()), "{error}");
                    if key % 1000 < 4 {
                        tokio::task::yield_now().await;
                    }
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let (after, _) = memory();
    times.sort_unstable();
    let [median, late] = [times[times.len() / 2], times[times.len() / 100 * 99]]
        .map(|nanos| Duration::from_nanos(nanos.into()));
    drop(times);
    eprintln!(
        "a set fails in {median:?}, in {late:?} at the 99th percentile; {} KiB more",
        after.saturating_sub(before) >> 10
    );
    assert!(median < Duration::from_millis(1), "{median:?}");
    // The times alone are 8 MB.
    assert!(after < before + (64 << 20), "{} KiB more", (after - before) >> 10);
    server.restart().unwrap();
    until("a set that is confirmed", async || cache.set(&0, &0).await.map_err(|error| error.to_string()))
        .await;
    let Reply::List(keys) = server.command(&["KEYS", "test:number:*"]).unwrap() else {
        panic!("KEYS answers a list")
    };
    let left: Vec<_> = keys.iter().filter_map(Reply::text).filter(|key| !key.contains('#')).collect();
    assert_eq!(left, ["test:number:0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_is_too_large_is_refused_before_it_is_sent() {
    let _alone = ALONE.lock().await;
    let server = Redis::start().unwrap();
    let builder = RedisCache::builder(server.url()).namespace("test").connect_timeout(DEADLINE);
    let redis = builder.command_timeout(DEADLINE).connect().await.unwrap();
    let error = redis.typed::<u64, u64>("number").max_value_bytes(MAX_VALUE + 1).build().unwrap_err();
    assert_eq!(error.to_string(), "max_value_bytes = 512000001: must be from 1 to 512000000");
    let cache = strict::<String>(&redis);
    cache.set(&1, &"small".to_owned()).await.unwrap();
    let of = |section: &str, field: &str| {
        let info = server.command(&["INFO", section]).unwrap();
        info.field(field).unwrap().parse::<u64>().unwrap()
    };
    let (input, used) = (of("stats", "total_net_input_bytes"), of("memory", "used_memory"));
    let (before, _) = memory();
    let value = "x".repeat(513 << 20);
    let error = cache.set(&1, &value).await.unwrap_err();
    let told = format!("a value of {} bytes or more is over max_value_bytes = 512000000", value.len() + 1);
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::TooLarge, told));
    let (_, most) = memory();
    assert!(most < before + (1200 << 20), "{} MiB at most", most >> 20);
    drop(value);
    assert_eq!(cache.stats().errors.too_large, 1);
    assert!(of("stats", "total_net_input_bytes") < input + 10_000);
    assert!(of("memory", "used_memory") < used + (1 << 20));
    assert_eq!(cache.get(&1).await.unwrap().as_deref(), Some("small"), "what was there is there");
}
