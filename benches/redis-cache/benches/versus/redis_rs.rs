//! redis-rs, with one multiplexed connection: texts as they are.

use crate::name;
use perfect21_bench_redis_cache::{
    KEYS, MANY, TTL, VALUE_BYTES, entry, hundred, in_turn, loop_of, runtime, server,
};
use perfect21_bench_support::Op;
use redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use std::{sync::LazyLock, time::Duration};

/// Its connection, with all keys set.
fn connection() -> &'static MultiplexedConnection {
    static CONNECTION: LazyLock<MultiplexedConnection> = LazyLock::new(|| {
        let client = Client::open(server().url()).expect("its URL is one");
        runtime().block_on(async {
            let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
            // A busy machine may stop all threads for longer than its half a second.
            connection.set_response_timeout(Duration::from_secs(10));
            for n in 0..KEYS {
                set_one(&connection, n).await;
            }
            connection
        })
    });
    &CONNECTION
}

fn millis() -> u64 {
    u64::try_from(TTL.as_millis()).expect("some hours")
}

async fn set_one(connection: &MultiplexedConnection, n: u64) {
    connection.clone().pset_ex::<_, _, ()>(name(n), &entry(n).1, millis()).await.expect("a set");
}

fn check<'a>(found: impl IntoIterator<Item = &'a Option<String>>) {
    for found in found {
        assert_eq!(found.as_ref().expect("a value").len(), VALUE_BYTES);
    }
}

pub(crate) fn get(tasks: u64) -> Op {
    let connection = connection();
    loop_of(tasks, move |n| async move {
        let found: Option<String> = connection.clone().get(name(n)).await.expect("an answer");
        check([&found]);
    })
}

pub(crate) fn set(tasks: u64) -> Op {
    let connection = connection();
    loop_of(tasks, move |n| set_one(connection, n))
}

pub(crate) fn mget() -> Op {
    let connection = connection();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let keys: Vec<_> = (0..MANY).map(|nth| name(n * MANY + nth)).collect();
                let found: Vec<Option<String>> = connection.clone().mget(keys).await.expect("an answer");
                check(&found);
            });
        }
    })
}

pub(crate) fn gets() -> Op {
    let connection = connection();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let mut pipe = redis::pipe();
                for nth in 0..MANY {
                    pipe.get(name(n * MANY + nth));
                }
                let found: Vec<Option<String>> =
                    pipe.query_async(&mut connection.clone()).await.expect("an answer");
                check(&found);
            });
        }
    })
}

pub(crate) fn sets() -> Op {
    let connection = connection();
    Op::with_state(move || {
        move |times| {
            in_turn(times, async |n| {
                let mut pipe = redis::pipe();
                for (nth, (_, text)) in (n * MANY..).zip(hundred(n)) {
                    pipe.pset_ex(name(nth), text, millis());
                }
                let done: Vec<String> = pipe.query_async(&mut connection.clone()).await.expect("an answer");
                assert_eq!(done.len() as u64, MANY);
            });
        }
    })
}
