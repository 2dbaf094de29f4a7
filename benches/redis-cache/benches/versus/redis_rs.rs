//! redis-rs by its connection that many tasks share.

use perfect21_bench_redis_cache::{KEYS, MANY, TASKS, closed_loop, in_turn, key_of, runtime, server, value};
use perfect21_bench_support::Op;
use redis::{AsyncCommands, aio::MultiplexedConnection};

const TTL_MS: u64 = 3_600_000;

fn name(n: u64) -> String {
    format!("multiplexed:{}", key_of(n))
}

fn connection() -> MultiplexedConnection {
    let client = redis::Client::open(server().url()).expect("its URL is one");
    runtime().block_on(async {
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        for n in 0..KEYS {
            let _: () = connection.pset_ex(name(n), value(n), TTL_MS).await.expect("a set");
        }
        connection
    })
}

pub(crate) fn get() -> Op {
    Op::with_state(|| {
        let connection = connection();
        move |times| {
            let connection = connection.clone();
            closed_loop(TASKS, times, move |n| {
                let mut connection = connection.clone();
                async move {
                    let found: Option<String> = connection.get(name(n)).await.expect("an answer");
                    assert_eq!(found.expect("a value").len(), 100);
                }
            });
        }
    })
}

pub(crate) fn mget() -> Op {
    Op::with_state(|| {
        let connection = connection();
        move |times| {
            in_turn(times, async |n| {
                let keys: Vec<_> = (0..MANY).map(|nth| name(n * MANY + nth)).collect();
                let found: Vec<Option<String>> = connection.clone().mget(keys).await.expect("an answer");
                assert!(found.iter().all(|found| found.as_ref().is_some_and(|found| found.len() == 100)));
            });
        }
    })
}

pub(crate) fn gets() -> Op {
    Op::with_state(|| {
        let connection = connection();
        move |times| {
            in_turn(times, async |n| {
                let mut pipe = redis::pipe();
                for nth in 0..MANY {
                    pipe.get(name(n * MANY + nth));
                }
                let found: Vec<Option<String>> =
                    pipe.query_async(&mut connection.clone()).await.expect("an answer");
                assert!(found.iter().all(|found| found.as_ref().is_some_and(|found| found.len() == 100)));
            });
        }
    })
}

pub(crate) fn set() -> Op {
    Op::with_state(|| {
        let (connection, text) = (connection(), value(0));
        move |times| {
            let (connection, text) = (connection.clone(), text.clone());
            closed_loop(TASKS, times, move |n| {
                let (mut connection, text) = (connection.clone(), text.clone());
                async move { connection.pset_ex(name(n), text, TTL_MS).await.expect("a set") }
            });
        }
    })
}

pub(crate) fn sets() -> Op {
    Op::with_state(|| {
        let connection = connection();
        move |times| {
            in_turn(times, async |n| {
                let mut pipe = redis::pipe();
                for nth in 0..MANY {
                    pipe.pset_ex(name(n * MANY + nth), value(nth), TTL_MS).ignore();
                }
                let _: () = pipe.query_async(&mut connection.clone()).await.expect("an answer");
            });
        }
    })
}
