//! What is refused, and in which words; handles; numbers.

use perfect21_redis_cache::{Builder, Cache, CacheBuilder, Error, ErrorKind, LoadError, RedisCache};
use perfect21_test_support::redis::Redis;
use std::{error::Error as _, net::TcpListener, time::Duration};

use crate::support::{DEADLINE, in_memory, numbers};

#[tokio::test]
async fn bad_urls_are_one_clear_sentence() {
    let schemes = "must be like redis://user:password@host:6379/0, or begin with rediss, redis-cluster, \
                   redis-sentinel or redis+unix";
    for (url, message) in [
        ("", &*format!("url = : {schemes}")),
        ("localhost:6379", &*format!("url = localhost:6379: {schemes}")),
        ("http://me:secret@host/", &*format!("url = http://***@host/: {schemes}")),
        ("redis://127.0.0.1:0/0", "url = redis://127.0.0.1:0/0: the port must be above 0"),
        (
            "redis://:p@ss@host:6379/x",
            "url = redis://***@host:6379/x: must be like redis://user:password@host:6379/0, the port below 65536, \
             the database below 256",
        ),
        (
            "redis://host?node=other:1",
            "url = redis://host?node=other:1: takes no parameters such as `node`: must end after the database, as \
             in redis://host:6379/0",
        ),
        (
            "redis-cluster://host:1?db=1",
            "url = redis-cluster://host:1?db=1: takes node as parameters, not `db`",
        ),
        (
            "redis-sentinel://host:1/0",
            "url = redis-sentinel://host:1/0: must be like \
             redis-sentinel://user:password@host:26379/0?sentinelServiceName=main&node=other:26379",
        ),
        (
            "redis+unix:///s?db=300",
            "url = redis+unix:///s?db=300: the database must be a number below 256, not `300`",
        ),
    ] {
        assert_eq!(RedisCache::builder(url).build().unwrap_err().to_string(), message);
        let error = RedisCache::builder(url).connect().await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Config, message));
    }
    for url in [
        "redis://",
        "redis://host:65536",
        "redis://host:-1",
        "redis://host/256",
        "redis://ho st",
        "redis://%",
    ] {
        match RedisCache::builder(url).build() {
            Err(error) => assert_eq!(error.setting(), "url", "{url}"),
            Ok(_) => panic!("{url} was taken"),
        }
    }
    assert!(!format!("{:?}", RedisCache::builder("redis://me:secret@host")).contains("secret"));
}

#[tokio::test]
async fn bad_settings_are_named_with_their_value_and_rule() {
    type Set = fn(CacheBuilder<u64, u64>) -> CacheBuilder<u64, u64>;
    let cases: [(Set, &str); 12] = [
        (|b| b.ttl(Duration::ZERO), "ttl = 0ns: must be from 1 ms to 100 years"),
        (|b| b.ttl(Duration::from_micros(999)), "ttl = 999µs: must be from 1 ms to 100 years"),
        (|b| b.ttl(Duration::MAX), "ttl = 18446744073709551615.999999999s: must be from 1 ms to 100 years"),
        (|b| b.jitter(1.0), "jitter = 1: must be from 0 to below 1"),
        (|b| b.jitter(f64::NAN), "jitter = NaN: must be from 0 to below 1"),
        (|b| b.absent_ttl(Duration::ZERO), "absent_ttl = 0ns: must be from 1 ms to 100 years"),
        (|b| b.stale_for(Duration::from_nanos(1)), "stale_for = 1ns: must be from 1 ms to 100 years"),
        (|b| b.lease(Duration::ZERO), "lease = 0ns: must be from 1 ms to 100 years"),
        (|b| b.load_timeout(Duration::ZERO), "load_timeout = 0ns: must be from 1 ms to 100 years"),
        (|b| b.refresh_ahead(-1.0), "refresh_ahead = -1: must be from 0 to 100"),
        (|b| b.max_value_bytes(0), "max_value_bytes = 0: must be from 1 to 512000000"),
        (|b| b.max_value_bytes(1 << 29), "max_value_bytes = 536870912: must be from 1 to 512000000"),
    ];
    for (set, message) in cases {
        assert_eq!(set(in_memory().typed("x")).build().unwrap_err().to_string(), message);
    }
    assert_eq!(in_memory().typed::<u64, u64>("").build().unwrap_err().setting(), "name");
    assert_eq!(RedisCache::in_memory().namespace("").build().unwrap_err().setting(), "namespace");
    let long = RedisCache::in_memory().namespace("n".repeat(257)).build().unwrap_err();
    assert_eq!(long.to_string(), "namespace = 257 bytes: must be at most 256 bytes: all keys begin with it");
    let long = in_memory().typed::<u64, u64>("é".repeat(256)).build().unwrap_err();
    let expected =
        "name = 512 bytes: must take at most 512 bytes of each key, with the namespace, and not 1542";
    assert_eq!(long.to_string(), expected);
    assert_eq!(RedisCache::in_memory().max_bytes(0).build().unwrap_err().setting(), "max_bytes");
    type Remote = fn(Builder) -> Builder;
    let cases: [(Remote, &str); 7] = [
        (|b| b.command_timeout(Duration::ZERO), "command_timeout"),
        (|b| b.connect_timeout(Duration::MAX), "connect_timeout"),
        (|b| b.max_queued(0), "max_queued"),
        (|b| b.connections(0), "connections"),
        (|b| b.connections(5000), "connections"),
        (|b| b.breaker(u32::MAX), "breaker"),
        (|b| b.namespace(""), "namespace"),
    ];
    for (set, setting) in cases {
        assert_eq!(set(RedisCache::builder("redis://host")).build().unwrap_err().setting(), setting);
    }
}

#[test]
fn without_a_runtime_build_says_so() {
    let error = RedisCache::builder("redis://host").build().unwrap_err();
    assert_eq!(error.to_string(), "runtime = none: build() must be called within a tokio runtime");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_at_once() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    let url = format!("redis://me:secret@127.0.0.1:{port}");
    // It listens and never answers.
    let patience = Duration::from_millis(50);
    let error = RedisCache::builder(&url).connect_timeout(patience).connect().await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable),
        "{error}, {:?}",
        error.source()
    );
    drop(nobody);
    let error = RedisCache::builder(&url).connect_timeout(DEADLINE).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.to_string(), format!("redis at 127.0.0.1:{port} cannot be reached"));
    assert!(error.source().unwrap().to_string().contains("refused"), "{:?}", error.source());
}

#[tokio::test]
async fn refused_credentials_and_databases_are_told_in_the_servers_words() {
    let server = Redis::start().unwrap();
    server.command(&["CONFIG", "SET", "requirepass", "right"]).unwrap();
    let address = server.addr();
    for (url, words) in [
        (format!("redis://:wrong@{address}"), "WRONGPASS"),
        (format!("redis://{address}"), "NOAUTH"),
        (format!("redis://:right@{address}/200"), "ERR DB index is out of range"),
    ] {
        let error = RedisCache::builder(url).connect_timeout(DEADLINE).connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server, "{words}: {error}: {:?}", error.source());
        assert!(error.source().unwrap().to_string().contains(words), "{:?}", error.source());
    }
    let url = format!("redis://:right@{address}/3");
    let redis = RedisCache::builder(url).connect_timeout(DEADLINE).connect().await.unwrap();
    assert!(redis.health(DEADLINE).await.is_ready());
}

#[tokio::test]
async fn no_error_repeats_its_cause() {
    let error = RedisCache::builder("redis://127.0.0.1:1").connect().await.unwrap_err();
    let error: LoadError<Error> = LoadError::Load(error.into());
    let mut causes: Vec<String> = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(&error);
    while let Some(cause) = next {
        let text = cause.to_string();
        assert!(causes.iter().all(|outer| !outer.contains(&text)), "{text} is in {causes:?}");
        assert!(!text.ends_with('.'), "{text}");
        causes.push(text);
        next = cause.source();
    }
    assert_eq!(causes.len(), 3, "{causes:?}");
}

#[test]
fn handles_go_to_other_threads() {
    fn handle<T: Clone + Send + Sync + std::fmt::Debug>() {}
    handle::<RedisCache>();
    handle::<Cache<str, std::cell::Cell<u8>>>();
    fn send<T: Send>(_: T) {}
    let cache = numbers(&in_memory());
    send(cache.get(&1));
    send(cache.set(&1, &1));
    send(cache.remove(&1));
    send(cache.get_or_load(&1, || async { Ok::<_, ()>(1) }));
}
