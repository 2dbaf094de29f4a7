//! Sizes, lifetimes and the commands of an operator.

use crate::common::{self, eventually, one, others, outside, pid, pool, single};
use perfect21_db_stats::{ErrorKind, Pool};
use perfect21_test_support::wait::DEADLINE;
use perfect21_test_support::{
    fault::{Proxy, Way},
    postgres::Postgres,
};
use std::time::{Duration, Instant};

#[tokio::test]
async fn overflow_is_opened_under_need_and_closed_soon_after() {
    let server = Postgres::start().unwrap();
    let wait = Duration::from_secs(5);
    let pool = pool(&server).size(2).overflow(3).wait_timeout(wait).build().unwrap();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(pool.get().await.unwrap());
    }
    assert_eq!(pool.get().await.unwrap_err().kind(), ErrorKind::Exhausted);
    drop(held);
    eventually("only the size is kept", async || {
        let stats = pool.stats();
        (stats.size == 2 && stats.idle == 2, stats)
    })
    .await;
    assert_eq!(pool.stats().max_size, 5);
}

#[tokio::test]
async fn idle_connections_are_closed_down_to_the_minimum_and_old_ones_replaced() {
    let server = Postgres::start().unwrap();
    let idle = Duration::from_millis(100);
    let pool = pool(&server).max_size(5).min_idle(2).idle_timeout(idle).build().unwrap();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(pool.get().await.unwrap());
    }
    drop(held);
    eventually("the minimum stays", async || (pool.stats().size == 2, pool.stats())).await;
    assert_eq!(pool.stats().idle, 2);

    let short = Duration::from_millis(150);
    let pool = common::pool(&server).max_size(2).min_idle(1).max_lifetime(short).build().unwrap();
    pool.fill().await.unwrap();
    let first = pid(&mut pool.get().await.unwrap()).await;
    eventually("another connection", async || {
        let now = pid(&mut pool.get().await.unwrap()).await;
        (now != first, now)
    })
    .await;
}

#[tokio::test]
async fn the_minimum_is_kept_in_the_background() {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    let pool = pool(&server).max_size(6).min_idle(3).build().unwrap();
    // Without a call to `fill`.
    let held = pool.get().await.unwrap();
    eventually("three are idle", async || (pool.stats().idle == 3, pool.stats())).await;
    assert_eq!(others(&beside).await.0, 4);
    let more = [pool.get().await.unwrap(), pool.get().await.unwrap()];
    eventually("as many as there is room for", async || (pool.stats().size == 6, pool.stats())).await;
    drop((held, more));
}

#[tokio::test]
async fn a_dead_idle_connection_is_found_by_its_keep_alive() {
    let server = Postgres::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let config = format!("host=127.0.0.1 port={} user=postgres dbname=postgres", proxy.port());
    let pool = Pool::builder(config.parse().unwrap())
        .max_size(1)
        .keep_alive(Duration::from_millis(50))
        .connect_timeout(Duration::from_secs(2))
        .wait_timeout(DEADLINE)
        .build()
        .unwrap();
    let first = pid(&mut pool.get().await.unwrap()).await;
    let before = pool.stats().bytes_out;
    // It answers, and so it stays.
    eventually("it was asked", async || {
        let stats = pool.stats();
        (stats.bytes_out >= before + 25 && stats.size == 1, stats)
    })
    .await;
    assert_eq!(pid(&mut pool.get().await.unwrap()).await, first);
    proxy.black_hole(Way::ToServer);
    eventually("it is given up", async || (pool.stats().size == 0, pool.stats())).await;
    proxy.pass();
    assert_ne!(pid(&mut pool.get().await.unwrap()).await, first);
}

#[tokio::test]
async fn a_server_that_falls_silent_under_a_statement_is_left() {
    let server = Postgres::start().unwrap();
    let proxy = Proxy::start(server.addr()).unwrap();
    let config = format!("host=127.0.0.1 port={} user=postgres dbname=postgres", proxy.port());
    let pool = Pool::builder(config.parse().unwrap())
        .max_size(1)
        .statement_timeout(Duration::from_millis(50))
        .wait_timeout(DEADLINE)
        .build()
        .unwrap();
    let mut connection = pool.get().await.unwrap();
    proxy.black_hole(Way::ToServer);
    let error = connection.query("SELECT 1", &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unanswered);
    assert_eq!(connection.query("SELECT 1", &[]).await.unwrap_err().kind(), ErrorKind::Lost);
    drop(connection);
    proxy.pass();
    assert_eq!(one::<i32>(&mut pool.get().await.unwrap(), "SELECT 1").await, 1);
}

#[tokio::test]
async fn a_paused_pool_keeps_its_callers_until_it_is_resumed() {
    let server = Postgres::start().unwrap();
    let pool = pool(&server).wait_timeout(Duration::from_secs(1)).build().unwrap();
    let held = pool.get().await.unwrap();
    pool.pause();
    let error = pool.get().await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Paused, "the pool was paused for 1s"));
    drop(held);
    let waiting = tokio::spawn({
        let pool = single(&server);
        pool.pause();
        async move {
            let waiting = tokio::spawn({
                let pool = pool.clone();
                async move { pool.get().await.map(|_| ()) }
            });
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            pool.resume();
            waiting.await.unwrap()
        }
    });
    waiting.await.unwrap().unwrap();
    pool.resume();
    pool.get().await.unwrap();
}

#[tokio::test]
async fn a_pool_can_be_resized_and_evicted() {
    let server = Postgres::start().unwrap();
    let pool = pool(&server).max_size(1).wait_timeout(Duration::from_secs(1)).build().unwrap();
    let mut first = pool.get().await.unwrap();
    assert_eq!(pool.get().await.unwrap_err().kind(), ErrorKind::Exhausted);
    pool.resize(2).unwrap();
    let second = pool.get().await.unwrap();
    pool.resize(1).unwrap();
    assert_eq!(pool.resize(0).unwrap_err().to_string(), "max_size = 0: must be at least 1");
    drop(second);
    assert_eq!(pool.get().await.unwrap_err().kind(), ErrorKind::Exhausted);

    let backend = pid(&mut first).await;
    pool.evict_all();
    assert_eq!(pid(&mut first).await, backend, "its user keeps it");
    drop(first);
    assert_ne!(pid(&mut pool.get().await.unwrap()).await, backend);
}

#[tokio::test]
async fn new_credentials_take_hold_with_the_next_connections() {
    let server = Postgres::start().unwrap();
    outside(&server).await.batch_execute("CREATE ROLE other LOGIN").await.unwrap();
    let pool = single(&server);
    let user = "SELECT current_user::text";
    let mut held = pool.get().await.unwrap();
    let mut config: tokio_postgres::Config = server.url().parse().unwrap();
    config.user("other");
    pool.rotate(config).unwrap();
    assert_eq!(one::<String>(&mut held, user).await, "postgres");
    drop(held);
    assert_eq!(one::<String>(&mut pool.get().await.unwrap(), user).await, "other");
    assert_eq!(pool.rotate(tokio_postgres::Config::new()).unwrap_err().setting(), "host");
}

#[tokio::test]
async fn a_closed_pool_refuses_and_leaves_nothing_on_the_server() {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    let pool = single(&server);
    let held = pool.get().await.unwrap();
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get().await.map(|_| ()) }
    });
    eventually("one waits", async || (pool.stats().waiting == 1, pool.stats())).await;
    pool.close();
    assert_eq!(waiting.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(pool.get().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(pool.fill().await.map_err(|error| error.kind()), Ok(()), "nothing is missing");
    drop(held);
    eventually("no session is left", async || {
        let seen = others(&beside).await;
        (seen.0 == 0, seen)
    })
    .await;
}

#[tokio::test]
async fn a_dropped_pool_leaves_nothing_on_the_server_and_no_task() {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let pool = pool(&server).min_idle(2).build().unwrap();
    pool.fill().await.unwrap();
    assert!(tasks() > before);
    drop(pool);
    eventually("no session is left, and no task", async || {
        let seen = (others(&beside).await, tasks());
        (seen.0.0 == 0 && seen.1 == before, seen)
    })
    .await;
}

#[tokio::test]
async fn callers_are_served_in_order_and_holders_are_named() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut held = pool.get().await.unwrap();
    let line = line!() - 1;
    let holder = pool.holders()[0];
    assert_eq!(holder.process, Some(pid(&mut held).await));
    assert_eq!((holder.site.file(), holder.site.line()), (file!(), line));
    let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..10 {
        let (pool, sender) = (pool.clone(), sender.clone());
        tokio::spawn(async move {
            let _connection = pool.get().await.unwrap();
            sender.send(number).unwrap();
        });
        // On this runtime each one has begun to wait before the next begins.
        tokio::task::yield_now().await;
    }
    drop(held);
    for number in 0..10 {
        assert_eq!(order.recv().await, Some(number));
    }
    eventually("nobody holds one", async || (pool.holders().is_empty(), pool.holders())).await;
}

#[tokio::test]
async fn unix_sockets_and_several_hosts_are_tried_in_turn() {
    let server = Postgres::start().unwrap();
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dir = server.socket_dir().display();
    let config = format!(
        "host=127.0.0.1,{dir} port={nowhere},{} user=postgres target_session_attrs=read-write",
        server.port()
    );
    let pool = Pool::builder(config.parse().unwrap()).wait_timeout(DEADLINE).build().unwrap();
    let mut connection = pool.get().await.unwrap();
    assert!(one::<bool>(&mut connection, "SELECT inet_client_addr() IS NULL").await);
    // Cancels find the same way.
    let slow = connection.query("SELECT pg_sleep(600)", &[]);
    assert!(tokio::time::timeout(Duration::from_millis(50), slow).await.is_err());
    let begin = Instant::now();
    assert_eq!(one::<i32>(&mut connection, "SELECT 1").await, 1);
    assert!(begin.elapsed() < Duration::from_secs(4));

    let replica =
        format!("{} target_session_attrs=read-only", config.replace(" target_session_attrs=read-write", ""));
    // Long enough for a first attempt on a busy machine.
    let wait = Duration::from_secs(3);
    let pool = Pool::builder(replica.parse().unwrap()).wait_timeout(wait).build().unwrap();
    let error = pool.get().await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.ends_with("is read-write, and read-only is asked for"), "{cause}");
}
