//! A pool before a private server on this machine, which shares the CPUs with those who ask it.

#![allow(clippy::missing_panics_doc, reason = "a bench whose server fails can only end")]

use perfect21_bench_support::Op;
use perfect21_db_stats::{Pool, QueryCache, ReadLane};
use perfect21_test_support::postgres::Postgres;
use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use tokio::runtime::Runtime;

/// So many rows the table has.
pub const ROWS: i32 = 10_000;

/// A lookup by primary key.
pub const LOOKUP: &str = "SELECT name, price FROM products WHERE id = $1";

/// Connections of each pool.
pub const CONNECTIONS: usize = 8;
/// Those who ask at once.
pub const TASKS: u64 = 32;

/// Two workers, for ours and the peers.
///
/// # Panics
/// If the system starts no threads.
#[must_use]
pub fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().expect("a runtime of two threads starts")
    });
    &RUNTIME
}

/// The server, with its table.
///
/// # Panics
/// If there is none to be started: see the error.
#[must_use]
pub fn server() -> &'static Postgres {
    static SERVER: LazyLock<&Postgres> = LazyLock::new(|| {
        let server = Postgres::shared().expect("a private PostgreSQL server starts");
        let pool = Pool::builder(server.url().parse().expect("its URL is one")).build().expect("a pool");
        let make = format!(
            "CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price int NOT NULL); \
             INSERT INTO products SELECT i, 'product ' || i, i % 100 FROM generate_series(0, {ROWS} - 1) i; \
             ANALYZE products"
        );
        runtime().block_on(async {
            let mut connection = pool.get().await.expect("a connection");
            connection.batch_execute(&make).await.expect("the table");
        });
        server
    });
    &SERVER
}

/// Our pool with all its checks and statistics.
///
/// # Panics
/// As [`server`].
#[must_use]
pub fn pool() -> Pool {
    let config = server().url().parse().expect("its URL is one");
    Pool::builder(config).max_size(CONNECTIONS).build().expect("a pool of few connections")
}

/// A key, in an order that the server does not foresee.
#[must_use]
pub fn key(n: u64) -> i32 {
    (n.wrapping_mul(7919) % ROWS.unsigned_abs() as u64) as i32
}

/// So many operations by [`TASKS`] tasks, each beginning one when its last is done.
pub fn closed_loop<F, S>(operations: u64, work: S)
where
    S: Fn(u64) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    runtime().block_on(async {
        let next = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (work, next) = (work.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let n = next.fetch_add(1, Relaxed);
                        if n >= operations {
                            return;
                        }
                        work(n).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no operation panics");
        }
    });
}

/// So many operations, one after the other on the calling thread.
pub fn in_turn<F: Future<Output = ()>>(operations: u64, work: impl Fn(u64) -> F) {
    runtime().block_on(async {
        for n in 0..operations {
            work(n).await;
        }
    });
}

/// A connection taken and given back, with nothing done.
#[must_use]
pub fn checkout() -> Op {
    Op::with_state(|| {
        let pool = pool();
        move |times| in_turn(times, async |_| drop(pool.get().await.expect("a connection")))
    })
}

/// [`TASKS`] tasks, each giving way once while it has a connection.
#[must_use]
pub fn contended() -> Op {
    Op::with_state(|| {
        let pool = pool();
        move |times| {
            let pool = pool.clone();
            closed_loop(times, move |_| {
                let pool = pool.clone();
                async move {
                    let connection = pool.get().await.expect("a connection");
                    tokio::task::yield_now().await;
                    drop(connection);
                }
            });
        }
    })
}

/// [`LOOKUP`] by [`TASKS`] tasks.
#[must_use]
pub fn lookups() -> Op {
    Op::with_state(|| {
        let pool = pool();
        move |times| {
            let pool = pool.clone();
            closed_loop(times, move |n| {
                let pool = pool.clone();
                async move {
                    let mut connection = pool.get().await.expect("a connection");
                    let row = connection.query_one(LOOKUP, &[&key(n)]).await.expect("a row");
                    assert_eq!(row.get::<_, i32>(1), key(n) % 100);
                }
            });
        }
    })
}

/// [`LOOKUP`] by [`TASKS`] tasks over two connections.
#[must_use]
pub fn lane() -> Op {
    Op::with_state(|| {
        let lane = ReadLane::builder(pool()).connections(2).build().expect("a lane");
        move |times| {
            let lane = lane.clone();
            closed_loop(times, move |n| {
                let lane = lane.clone();
                async move {
                    let row = lane.query_one(LOOKUP, &[&key(n)]).await.expect("a row");
                    assert_eq!(row.get::<_, i32>(1), key(n) % 100);
                }
            });
        }
    })
}

/// [`LOOKUP`] one after the other.
#[must_use]
pub fn lookup() -> Op {
    Op::with_state(|| {
        let pool = pool();
        move |times| {
            in_turn(times, async |n| {
                let mut connection = pool.get().await.expect("a connection");
                drop(connection.query_one(LOOKUP, &[&key(n)]).await.expect("a row"));
            });
        }
    })
}

async fn hit(cache: &QueryCache, n: u64) {
    let rows = cache.query(LOOKUP, &[&key(n % 1000)]).await.expect("rows");
    let price: i32 = rows.get(0).expect("a row").get("price").expect("a price");
    assert_eq!(price, key(n % 1000) % 100);
}

/// [`LOOKUP`] of a thousand rows that are held, read out of them, one after the other.
#[must_use]
pub fn cached() -> Op {
    Op::with_state(|| {
        let cache = QueryCache::builder(pool()).build().expect("a cache");
        move |times| in_turn(times, async |n| hit(&cache, n).await)
    })
}

/// The same by [`TASKS`] tasks.
#[must_use]
pub fn cached_by_many() -> Op {
    Op::with_state(|| {
        let cache = QueryCache::builder(pool()).build().expect("a cache");
        move |times| {
            let cache = cache.clone();
            closed_loop(times, move |n| {
                let cache = cache.clone();
                async move { hit(&cache, n).await }
            });
        }
    })
}
