//! Clean-up takes what it was told to, and leaves others room.

use perfect21_redis_cache::{Cache, RedisCache};
use perfect21_test_support::redis::{Redis, Reply};
use std::time::Duration;

use crate::support::{connect, in_memory, until};

#[tokio::test]
async fn memory_is_swept() {
    sweeps(&in_memory()).await;
}

#[tokio::test]
async fn redis_is_swept() {
    let server = Redis::start().unwrap();
    sweeps(&connect(&server).await).await;
}

async fn sweeps(redis: &RedisCache) {
    let texts: Cache<str, u64> = redis.typed("text").build().unwrap();
    let others: Cache<str, u64> = redis.typed("texts").build().unwrap();
    let hostile = ["a*b", "a?c", "a[d", "axb", "a", "b", "é*", "\\*", ""];
    let left = async || {
        let mut left = Vec::new();
        for key in hostile {
            if texts.get(key).await.unwrap().is_some() {
                left.push(key);
            }
        }
        left
    };
    let fill = async || {
        for key in hostile {
            texts.set(key, &1).await.unwrap();
        }
    };
    others.set("a", &1).await.unwrap();
    fill().await;
    for (prefix, stays) in [
        ("a*", &["a?c", "a[d", "axb", "a", "b", "é*", "\\*", ""][..]),
        ("a", &["b", "é*", "\\*", ""][..]),
        ("\\", &["b", "é*", ""][..]),
        ("", &[][..]),
    ] {
        let swept = texts.sweep().prefix(prefix).page(2).pause(Duration::ZERO).run().await.unwrap();
        assert_eq!(left().await, stays, "prefix {prefix:?}");
        assert_eq!(swept.found, swept.removed);
    }
    fill().await;
    assert_eq!(texts.sweep().all().run().await.unwrap().removed, hostile.len() as u64);
    assert_eq!(others.get("a").await.unwrap(), Some(1), "another cache keeps its own");
    fill().await;
    redis.sweep().run().await.unwrap();
    assert_eq!(left().await, [""; 0]);
    assert_eq!(others.get("a").await.unwrap(), None);
    assert_eq!(
        texts.sweep().all().page(0).run().await.unwrap_err().to_string(),
        "page = 0: must be from 1 to 100000"
    );
}

/// The guide's hourly clean-up, without the live sessions that it took too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_janitor_takes_what_nobody_asks_for() {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    server.command(&["SET", "session:dead", "of somebody"]).unwrap();
    server.command(&["SET", "session:alive", "of somebody"]).unwrap();
    server.command(&["SET", "temp:1", "x"]).unwrap();
    let janitor =
        redis.sweep_glob("session:*").idle(Duration::from_secs(2)).every(Duration::from_millis(20)).unwrap();
    assert!(janitor.last().is_none_or(|(_, swept)| swept.unwrap().removed == 0));
    until("the idle session to go", async || {
        assert_eq!(server.command(&["GET", "session:alive"]).unwrap(), Reply::Text("of somebody".into()));
        match server.command(&["EXISTS", "session:dead"]).unwrap() {
            Reply::Int(0) => Ok(()),
            other => Err(format!("{other:?}, {janitor:?}")),
        }
    })
    .await;
    assert_eq!(server.command(&["EXISTS", "session:alive", "temp:1"]).unwrap(), Reply::Int(2));
    drop(janitor);
    let error = redis.sweep_glob("x").every(Duration::ZERO).unwrap_err();
    assert_eq!(error.setting(), "interval");
}

#[tokio::test]
async fn servers_say_how_they_are() {
    let server = Redis::start().unwrap();
    let redis = connect(&server).await;
    let servers = redis.servers().await;
    let [(address, Ok(info))] = &servers[..] else { panic!("{servers:?}") };
    assert_eq!(*address, server.addr().to_string());
    assert_eq!(info.role.as_deref(), Some("master"));
    assert!(info.used_memory.unwrap() > 0 && info.connected_clients.unwrap() >= 1, "{info:?}");
    let memory = in_memory().servers().await;
    assert!(matches!(&memory[..], [(name, Ok(_))] if name == "memory"), "{memory:?}");
}
