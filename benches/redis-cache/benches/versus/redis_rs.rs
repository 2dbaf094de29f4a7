//! redis-rs alone: one multiplexed connection, its own time-out of half a second, bytes as they are.

use crate::text_key;
use perfect21_bench_redis_cache::{
    KEYS, MANY, Product, TEXT_BYTES, TTL, closed_loop, in_turn, runtime, server, text,
};
use perfect21_bench_support::Op;
use redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use std::{sync::LazyLock, time::Duration};

/// The connection, with all entries set.
fn connection() -> &'static MultiplexedConnection {
    static CONNECTION: LazyLock<MultiplexedConnection> = LazyLock::new(|| {
        runtime().block_on(async {
            let client = Client::open(server().url()).expect("its URL is one");
            let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
            // A busy machine may stop all threads for longer than that.
            connection.set_response_timeout(Duration::from_secs(5));
            for n in 0..KEYS {
                set_one(&connection, n, &text(&Product::new(n))).await;
            }
            connection
        })
    });
    &CONNECTION
}

fn expiry() -> u64 {
    u64::try_from(TTL.as_millis()).expect("some hours")
}

async fn set_one(connection: &MultiplexedConnection, n: u64, value: &[u8]) {
    let _: () = connection.clone().pset_ex(text_key(n), value, expiry()).await.expect("it is set");
}

async fn get_one(connection: &MultiplexedConnection, n: u64) {
    let found: Option<Vec<u8>> = connection.clone().get(text_key(n)).await.expect("an answer");
    assert_eq!(found.expect("an entry").len(), TEXT_BYTES);
}

fn all_there(found: &[Option<Vec<u8>>]) {
    assert!(found.len() == MANY as usize && found.iter().all(Option::is_some), "{found:?}");
}

pub(crate) fn get(tasks: u64) -> Op {
    let connection = connection();
    Op::with_state(move || {
        move |times| match tasks {
            1 => in_turn(times, |n| get_one(connection, n)),
            _ => closed_loop(tasks, times, move |n| get_one(connection, n)),
        }
    })
}

pub(crate) fn set(tasks: u64) -> Op {
    let connection = connection();
    Op::with_state(move || {
        let value: &'static [u8] = Box::leak(text(&Product::new(0)).into_boxed_slice());
        move |times| match tasks {
            1 => in_turn(times, |n| set_one(connection, n, value)),
            _ => closed_loop(tasks, times, move |n| set_one(connection, n, value)),
        }
    })
}

pub(crate) fn mget() -> Op {
    let connection = connection();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let keys: Vec<_> = (0..MANY).map(|i| text_key(n * MANY + i)).collect();
                let found: Vec<Option<Vec<u8>>> = connection.clone().mget(keys).await.expect("an answer");
                all_there(&found);
            });
        }
    })
}

pub(crate) fn get_pipe() -> Op {
    let connection = connection();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let mut pipe = redis::pipe();
                (0..MANY).for_each(|i| {
                    pipe.get(text_key(n * MANY + i));
                });
                let found: Vec<Option<Vec<u8>>> =
                    pipe.query_async(&mut connection.clone()).await.expect("an answer");
                all_there(&found);
            });
        }
    })
}

pub(crate) fn set_pipe() -> Op {
    let connection = connection();
    Op::with_state(move || {
        let value = text(&Product::new(0));
        move |times| {
            in_turn(times, async |_| {
                let mut pipe = redis::pipe();
                (0..MANY).for_each(|i| {
                    pipe.pset_ex(text_key(i), &value, expiry());
                });
                let done: Vec<String> = pipe.query_async(&mut connection.clone()).await.expect("an answer");
                assert_eq!(done.len(), MANY as usize);
            });
        }
    })
}
