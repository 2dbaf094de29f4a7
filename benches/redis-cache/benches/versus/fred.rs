//! fred alone: one connection, no time-out, bytes as they are.

use crate::text_key;
use bytes::Bytes;
use fred::{
    clients::Client,
    interfaces::{ClientLike, KeysInterface},
    types::{Builder, Expiration, config::Config},
};
use perfect21_bench_redis_cache::{
    KEYS, MANY, Product, TEXT_BYTES, TTL, closed_loop, in_turn, runtime, server, text,
};
use perfect21_bench_support::Op;
use std::sync::LazyLock;

/// The connection, with all entries set.
fn client() -> &'static Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        runtime().block_on(async {
            let config = Config::from_url(&server().url()).expect("its URL is one");
            let client = Builder::from_config(config).build().expect("a client");
            drop(client.init().await.expect("a connection"));
            for n in 0..KEYS {
                set_one(&client, n, &value(n)).await;
            }
            client
        })
    });
    &CLIENT
}

fn value(n: u64) -> Bytes {
    text(&Product::new(n)).into()
}

fn expiry() -> Option<Expiration> {
    Some(Expiration::PX(i64::try_from(TTL.as_millis()).expect("some hours")))
}

async fn set_one(client: &Client, n: u64, value: &Bytes) {
    client.set::<(), _, _>(text_key(n), value.clone(), expiry(), None, false).await.expect("it is set");
}

async fn get_one(client: &Client, n: u64) {
    let found: Option<Bytes> = client.get(text_key(n)).await.expect("an answer");
    assert_eq!(found.expect("an entry").len(), TEXT_BYTES);
}

fn all_there(found: &[Option<Bytes>]) {
    assert!(found.len() == MANY as usize && found.iter().all(Option::is_some), "{found:?}");
}

pub(crate) fn get(tasks: u64) -> Op {
    let client = client();
    Op::with_state(move || {
        move |times| match tasks {
            1 => in_turn(times, |n| get_one(client, n)),
            _ => closed_loop(tasks, times, move |n| get_one(client, n)),
        }
    })
}

pub(crate) fn set(tasks: u64) -> Op {
    let client = client();
    Op::with_state(move || {
        let value: &'static Bytes = Box::leak(Box::new(value(0)));
        move |times| match tasks {
            1 => in_turn(times, |n| set_one(client, n, value)),
            _ => closed_loop(tasks, times, move |n| set_one(client, n, value)),
        }
    })
}

pub(crate) fn mget() -> Op {
    let client = client();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let keys: Vec<_> = (0..MANY).map(|i| text_key(n * MANY + i)).collect();
                let found: Vec<Option<Bytes>> = client.mget(keys).await.expect("an answer");
                all_there(&found);
            });
        }
    })
}

pub(crate) fn get_pipeline() -> Op {
    let client = client();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let pipeline = client.pipeline();
                for i in 0..MANY {
                    let _: () = pipeline.get(text_key(n * MANY + i)).await.expect("it is queued");
                }
                let found: Vec<Option<Bytes>> = pipeline.all().await.expect("an answer");
                all_there(&found);
            });
        }
    })
}

pub(crate) fn set_pipeline() -> Op {
    let client = client();
    Op::with_state(move || {
        let value = value(0);
        move |times| {
            in_turn(times, async |_| {
                let pipeline = client.pipeline();
                for i in 0..MANY {
                    let queued = pipeline.set(text_key(i), value.clone(), expiry(), None, false);
                    let _: () = queued.await.expect("it is queued");
                }
                let done: Vec<String> = pipeline.all().await.expect("an answer");
                assert_eq!(done.len(), MANY as usize);
            });
        }
    })
}
