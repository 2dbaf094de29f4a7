//! fred as it comes, with one connection.

use fred::{
    clients::Client,
    interfaces::{ClientLike, KeysInterface},
    types::{Builder, Expiration, config::Config},
};
use perfect21_bench_redis_cache::{KEYS, MANY, TASKS, closed_loop, in_turn, key_of, runtime, server, value};
use perfect21_bench_support::Op;

const TTL: Option<Expiration> = Some(Expiration::PX(3_600_000));

fn name(n: u64) -> String {
    format!("raw:{}", key_of(n))
}

fn client() -> Client {
    let config = Config::from_url(&server().url()).expect("its URL is one");
    let client = Builder::from_config(config).build().expect("its settings are right");
    runtime().block_on(async {
        client.init().await.expect("a connection");
        for n in 0..KEYS {
            client.set::<(), _, _>(name(n), value(n), TTL, None, false).await.expect("a set");
        }
    });
    client
}

async fn one(client: &Client, n: u64) {
    let found: Option<String> = client.get(name(n)).await.expect("an answer");
    assert_eq!(found.expect("a value").len(), 100);
}

pub(crate) fn get() -> Op {
    Op::with_state(|| {
        let client = client();
        move |times| {
            let client = client.clone();
            closed_loop(TASKS, times, move |n| {
                let client = client.clone();
                async move { one(&client, n).await }
            });
        }
    })
}

pub(crate) fn get_by_one() -> Op {
    Op::with_state(|| {
        let client = client();
        move |times| in_turn(times, async |n| one(&client, n).await)
    })
}

pub(crate) fn mget() -> Op {
    Op::with_state(|| {
        let client = client();
        move |times| {
            in_turn(times, async |n| {
                let keys: Vec<_> = (0..MANY).map(|nth| name(n * MANY + nth)).collect();
                let found: Vec<Option<String>> = client.mget(keys).await.expect("an answer");
                assert!(found.iter().all(|found| found.as_ref().is_some_and(|found| found.len() == 100)));
            });
        }
    })
}

pub(crate) fn gets() -> Op {
    Op::with_state(|| {
        let client = client();
        move |times| {
            in_turn(times, async |n| {
                let pipeline = client.pipeline();
                for nth in 0..MANY {
                    pipeline.get::<(), _>(name(n * MANY + nth)).await.expect("a place");
                }
                let found: Vec<Option<String>> = pipeline.all().await.expect("an answer");
                assert!(found.iter().all(|found| found.as_ref().is_some_and(|found| found.len() == 100)));
            });
        }
    })
}

pub(crate) fn set() -> Op {
    Op::with_state(|| {
        let (client, text) = (client(), value(0));
        move |times| {
            let (client, text) = (client.clone(), text.clone());
            closed_loop(TASKS, times, move |n| {
                let (client, text) = (client.clone(), text.clone());
                async move { client.set(name(n), text, TTL, None, false).await.expect("a set") }
            });
        }
    })
}

pub(crate) fn sets() -> Op {
    Op::with_state(|| {
        let client = client();
        move |times| {
            in_turn(times, async |n| {
                let pipeline = client.pipeline();
                for nth in 0..MANY {
                    let set = pipeline.set::<(), _, _>(name(n * MANY + nth), value(nth), TTL, None, false);
                    set.await.expect("a place");
                }
                let done: Vec<String> = pipeline.all().await.expect("an answer");
                assert_eq!(done.len() as u64, MANY);
            });
        }
    })
}
