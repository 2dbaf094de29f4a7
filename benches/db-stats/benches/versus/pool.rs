//! Our pool beside those that check less, or pay a round trip for it.

use deadpool_postgres::{ManagerConfig, RecyclingMethod, Runtime, Timeouts};
use perfect21_bench_db_stats::{
    self as ours, CONNECTIONS, LOOKUP, closed_loop, in_turn, key, runtime, server,
};
use perfect21_bench_support::{Case, Op};
use sqlx::{Row as _, postgres::PgPoolOptions};
use std::time::Duration;
use tokio_postgres::NoTls;

pub(crate) fn cases() -> Vec<Case> {
    let fast = || RecyclingMethod::Fast;
    let verified = || RecyclingMethod::Verified;
    vec![
        Case::new("checkout and return", 1, ours::checkout(), "deadpool Fast", checkout(fast)),
        Case::of_time("checkout and return", 100, ours::checkout(), "deadpool Verified", checkout(verified)),
        Case::of_time("checkout and return", 100, ours::checkout(), "sqlx", sqlx_checkout(true)),
        Case::of_time(
            "contended, 32 on 8",
            20_000,
            ours::contended(),
            "deadpool Fast",
            contended(fast, None),
        ),
        Case::of_time(
            "contended, 32 on 8",
            20_000,
            ours::contended(),
            "deadpool Fast, wait 30 s",
            contended(fast, Some(Duration::from_secs(30))),
        ),
        Case::of_time("lookups, 32 tasks", 2000, ours::lookups(), "deadpool Fast, cached", lookups(fast)),
        Case::of_time(
            "lookups, 32 tasks",
            2000,
            ours::lookups(),
            "deadpool Verified, cached",
            lookups(verified),
        ),
        Case::of_time("lookups, 32 tasks", 2000, ours::lookups(), "sqlx", sqlx_lookups(true)),
        Case::of_time("lookups, 32 tasks", 2000, ours::lookups(), "sqlx without test", sqlx_lookups(false)),
        Case::of_time("lookup, one task", 500, ours::lookup(), "deadpool Fast, cached", lookup(fast)),
        Case::of_time("lookups, read lane", 2000, ours::lane(), "deadpool Fast, cached", lookups(fast)),
        Case::of_time("query cache, hit", 500, ours::cached(), "ours, lookup", ours::lookup()),
        Case::of_time(
            "query cache, hits by 32 tasks",
            2000,
            ours::cached_by_many(),
            "ours, lookups",
            ours::lookups(),
        ),
    ]
}

fn deadpool(recycling_method: RecyclingMethod) -> deadpool_postgres::Pool {
    let config = server().url().parse().expect("its URL is one");
    let manager = deadpool_postgres::Manager::from_config(config, NoTls, ManagerConfig { recycling_method });
    let builder = deadpool_postgres::Pool::builder(manager).max_size(CONNECTIONS).runtime(Runtime::Tokio1);
    // As ours: the one that was used last comes first.
    builder.queue_mode(deadpool_postgres::QueueMode::Lifo).build().expect("a pool of few connections")
}

fn checkout(how: impl Fn() -> RecyclingMethod + Send + Sync + 'static) -> Op {
    Op::with_state(move || {
        let pool = deadpool(how());
        move |times| in_turn(times, async |_| drop(pool.get().await.expect("a connection")))
    })
}

/// Ours always has a time-out for those who wait.
fn contended(how: impl Fn() -> RecyclingMethod + Send + Sync + 'static, wait: Option<Duration>) -> Op {
    Op::with_state(move || {
        let pool = deadpool(how());
        let timeouts = Timeouts { wait, ..Timeouts::default() };
        move |times| {
            let pool = pool.clone();
            closed_loop(times, move |_| {
                let pool = pool.clone();
                async move {
                    let connection = pool.timeout_get(&timeouts).await.expect("a connection");
                    tokio::task::yield_now().await;
                    drop(connection);
                }
            });
        }
    })
}

async fn one(pool: &deadpool_postgres::Pool, n: u64) {
    let connection = pool.get().await.expect("a connection");
    let statement = connection.prepare_cached(LOOKUP).await.expect("a statement");
    let row = connection.query_one(&statement, &[&key(n)]).await.expect("a row");
    assert_eq!(row.get::<_, i32>(1), key(n) % 100);
}

fn lookups(how: impl Fn() -> RecyclingMethod + Send + Sync + 'static) -> Op {
    Op::with_state(move || {
        let pool = deadpool(how());
        move |times| {
            let pool = pool.clone();
            closed_loop(times, move |n| {
                let pool = pool.clone();
                async move { one(&pool, n).await }
            });
        }
    })
}

fn lookup(how: impl Fn() -> RecyclingMethod + Send + Sync + 'static) -> Op {
    Op::with_state(move || {
        let pool = deadpool(how());
        move |times| in_turn(times, async |n| one(&pool, n).await)
    })
}

fn sqlx_pool(test: bool) -> sqlx::PgPool {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS as u32).test_before_acquire(test);
    runtime().block_on(options.connect(&server().url())).expect("a pool of few connections")
}

fn sqlx_checkout(test: bool) -> Op {
    Op::with_state(move || {
        let pool = sqlx_pool(test);
        move |times| in_turn(times, async |_| drop(pool.acquire().await.expect("a connection")))
    })
}

fn sqlx_lookups(test: bool) -> Op {
    Op::with_state(move || {
        let pool = sqlx_pool(test);
        move |times| {
            let pool = pool.clone();
            closed_loop(times, move |n| {
                let pool = pool.clone();
                async move {
                    let row = sqlx::query(LOOKUP).bind(key(n)).fetch_one(&pool).await.expect("a row");
                    assert_eq!(row.get::<i32, _>(1), key(n) % 100);
                }
            });
        }
    })
}
