//! fred as it comes, with one connection: texts as they are, and no time-outs.

use crate::name;
use fred::{
    clients::Client,
    interfaces::{ClientLike, KeysInterface},
    types::{Builder, Expiration, config::Config},
};
use perfect21_bench_redis_cache::{
    KEYS, MANY, VALUE_BYTES, entry, hundred, in_turn, loop_of, runtime, server,
};
use perfect21_bench_support::Op;
use std::sync::LazyLock;

const TTL: Option<Expiration> = Some(Expiration::PX(6 * 3_600_000));

/// Its connection, with all keys set.
fn client() -> &'static Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        let config = Config::from_url(&server().url()).expect("its URL is one");
        let client = Builder::from_config(config).build().expect("its settings are right");
        runtime().block_on(async {
            client.init().await.expect("a connection");
            for n in 0..KEYS {
                set_one(&client, n).await;
            }
        });
        client
    });
    &CLIENT
}

async fn set_one(client: &Client, n: u64) {
    client.set::<(), _, _>(name(n), &*entry(n).1, TTL, None, false).await.expect("a set");
}

fn check<'a>(found: impl IntoIterator<Item = &'a Option<String>>) {
    for found in found {
        assert_eq!(found.as_ref().expect("a value").len(), VALUE_BYTES);
    }
}

pub(crate) fn get(tasks: u64) -> Op {
    let client = client();
    loop_of(tasks, move |n| async move {
        let found: Option<String> = client.get(name(n)).await.expect("an answer");
        check([&found]);
    })
}

pub(crate) fn set(tasks: u64) -> Op {
    let client = client();
    loop_of(tasks, move |n| set_one(client, n))
}

pub(crate) fn mget() -> Op {
    let client = client();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let keys: Vec<_> = (0..MANY).map(|nth| name(n * MANY + nth)).collect();
                let found: Vec<Option<String>> = client.mget(keys).await.expect("an answer");
                check(&found);
            });
        }
    })
}

pub(crate) fn gets() -> Op {
    let client = client();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let pipeline = client.pipeline();
                for nth in 0..MANY {
                    pipeline.get::<(), _>(name(n * MANY + nth)).await.expect("a place");
                }
                let found: Vec<Option<String>> = pipeline.all().await.expect("an answer");
                check(&found);
            });
        }
    })
}

pub(crate) fn sets() -> Op {
    let client = client();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let pipeline = client.pipeline();
                for (nth, (_, text)) in (n * MANY..).zip(hundred(n)) {
                    let set = pipeline.set::<(), _, _>(name(nth), &**text, TTL, None, false);
                    set.await.expect("a place");
                }
                let done: Vec<String> = pipeline.all().await.expect("an answer");
                assert_eq!(done.len() as u64, MANY);
            });
        }
    })
}
