//! What one user leaves on a connection never reaches the next one.

use crate::common::{self, abandon, eventually, one, others, outside, pid, single};
use perfect21_db_stats::{ErrorKind, Reset};
use perfect21_test_support::{postgres::Postgres, wait::DEADLINE};
use std::time::{Duration, Instant};

const STATUS: &str = "SELECT txid_current_if_assigned() IS NULL";

#[tokio::test]
async fn a_transaction_left_open_is_rolled_back() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut first = pool.get().await.unwrap();
    first.execute("CREATE TABLE t (i int)", &[]).await.unwrap();
    let backend = pid(&mut first).await;
    first.execute("BEGIN", &[]).await.unwrap();
    first.execute("INSERT INTO t VALUES (1)", &[]).await.unwrap();
    drop(first);

    let mut next = pool.get().await.unwrap();
    assert_eq!(pid(&mut next).await, backend, "repaired, not replaced");
    assert!(one::<bool>(&mut next, STATUS).await);
    assert_eq!(one::<i64>(&mut next, "SELECT count(*) FROM t").await, 0);
    assert_eq!(pool.stats().repaired, 1);
}

#[tokio::test]
async fn a_failed_transaction_is_rolled_back() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut first = pool.get().await.unwrap();
    let backend = pid(&mut first).await;
    first.execute("BEGIN", &[]).await.unwrap();
    first.query("SELECT nonsense", &[]).await.unwrap_err();
    let error = first.query("SELECT 1", &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "25P02");
    drop(first);

    let mut next = pool.get().await.unwrap();
    assert_eq!(pid(&mut next).await, backend);
    assert_eq!(pool.stats().repaired, 1);
}

#[tokio::test]
async fn a_statement_that_nobody_waits_for_is_cancelled_and_the_next_user_is_served_at_once() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut first = pool.get().await.unwrap();
    let backend = pid(&mut first).await;
    let beside = outside(&server).await;
    abandon(&mut first, &beside, "SELECT pg_sleep(600)").await;
    let begin = Instant::now();
    drop(first);

    let mut next = pool.get().await.unwrap();
    assert_eq!(one::<i32>(&mut next, "SELECT 1").await, 1);
    let waited = begin.elapsed();
    assert!(
        waited < Duration::from_secs(4),
        "{waited:?}: within the time that a repair has, let alone 600 s"
    );
    assert_eq!(pid(&mut next).await, backend, "cancelled, not closed");
    assert_eq!(others(&beside).await, (1, vec![]), "nothing runs");
    assert_eq!(pool.stats().cancelled, 1);
}

#[tokio::test]
async fn a_future_that_was_polled_once_is_noticed_before_its_request_is_written() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut first = pool.get().await.unwrap();
    // Prepared already, so that the first poll sends the statement itself.
    abandon(&mut first, &outside(&server).await, "SELECT pg_sleep(600)").await;
    drop(first);
    let mut next = pool.get().await.unwrap();
    {
        let mut slow = Box::pin(next.query("SELECT pg_sleep(600)", &[]));
        std::future::poll_fn(|cx| {
            assert!(slow.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    }
    drop(next);
    let mut last = pool.get().await.unwrap();
    assert_eq!((pool.stats().repaired, pool.stats().cancelled), (2, 2), "before it is handed out");
    assert_eq!(one::<i32>(&mut last, "SELECT 1").await, 1);
}

#[tokio::test]
async fn the_same_user_may_go_on_after_a_dropped_future() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut connection = pool.get().await.unwrap();
    let beside = outside(&server).await;
    for _ in 0..2 {
        abandon(&mut connection, &beside, "SELECT pg_sleep(600)").await;
        assert_eq!(one::<i32>(&mut connection, "SELECT 1").await, 1);
    }
    assert_eq!(pool.stats().cancelled, 2);
}

#[tokio::test]
async fn what_was_changed_in_the_session_is_gone() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let beside = outside(&server).await;
    let mut first = pool.get().await.unwrap();
    let backend = pid(&mut first).await;
    for sql in [
        "SET work_mem = '77MB'",
        "SELECT set_config('my.tenant', 'seven', false)",
        "SELECT pg_advisory_lock(7)",
        "CREATE TEMP TABLE mine (i int)",
        "LISTEN news",
        "PREPARE mine AS SELECT 1",
        "DECLARE mine CURSOR WITH HOLD FOR SELECT generate_series(1, 9)",
        "SET ROLE pg_monitor",
    ] {
        first.execute(sql, &[]).await.unwrap();
    }
    drop(first);

    let mut next = pool.get().await.unwrap();
    assert_eq!(pid(&mut next).await, backend, "cleaned, not replaced");
    for (sql, expected) in [
        ("SELECT current_setting('work_mem')", "4MB"),
        ("SELECT coalesce(current_setting('my.tenant', true), '')", ""),
        ("SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory'", "0"),
        ("SELECT coalesce(to_regclass('mine')::text, 'none')", "none"),
        ("SELECT count(*)::text FROM pg_listening_channels()", "0"),
        ("SELECT count(*)::text FROM pg_prepared_statements WHERE from_sql", "0"),
        ("SELECT count(*)::text FROM pg_cursors WHERE is_holdable", "0"),
        ("SELECT current_user::text", "postgres"),
        // The settings of the pool are there again.
        ("SELECT current_setting('jit')", "off"),
        ("SELECT current_setting('application_name')", "default"),
    ] {
        assert_eq!(one::<String>(&mut next, sql).await, expected, "{sql}");
    }
    assert_eq!(others(&beside).await.1, Vec::<String>::new());
}

#[tokio::test]
async fn batches_are_cleaned_and_lost_statements_mean_another_connection() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut first = pool.get().await.unwrap();
    let backend = pid(&mut first).await;
    first.batch_execute("SELECT 1; SET work_mem = '77MB'").await.unwrap();
    drop(first);
    let mut next = pool.get().await.unwrap();
    assert_eq!(one::<String>(&mut next, "SHOW work_mem").await, "4MB");
    assert_eq!(pid(&mut next).await, backend);

    // The statements of the connection are gone with it: it still works, and is not handed on.
    next.batch_execute("DEALLOCATE ALL").await.unwrap();
    assert_eq!(pid(&mut next).await, backend);
    assert_eq!(pool.stats().healed, 1);
    drop(next);
    assert_ne!(pid(&mut pool.get().await.unwrap()).await, backend);
}

#[tokio::test]
async fn resets_can_be_always_or_never() {
    let server = Postgres::start().unwrap();
    // A function hides what it does from the text.
    let beside = outside(&server).await;
    let hidden =
        "CREATE FUNCTION hidden() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET work_mem = '77MB'; END $$";
    beside.batch_execute(hidden).await.unwrap();
    for (reset, statement, expected) in [
        (Reset::Dirty, "SELECT hidden()", "77MB"),
        (Reset::Always, "SELECT hidden()", "4MB"),
        (Reset::Never, "SET work_mem = '77MB'", "77MB"),
    ] {
        let wait = DEADLINE;
        let pool = common::pool(&server).max_size(1).wait_timeout(wait).reset(reset).build().unwrap();
        pool.get().await.unwrap().execute(statement, &[]).await.unwrap();
        let found: String = one(&mut pool.get().await.unwrap(), "SHOW work_mem").await;
        assert_eq!(found, expected, "{reset:?}");
    }
}

#[tokio::test]
async fn half_prepared_statements_do_not_pile_up() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    for i in 0..20 {
        let mut connection = pool.get().await.unwrap();
        let sql = format!("SELECT {i} AS c{i}");
        let mut query = Box::pin(connection.query(&sql, &[]));
        std::future::poll_fn(|cx| {
            assert!(query.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    }
    let count = "SELECT count(*) FROM pg_prepared_statements";
    let left: i64 = one(&mut pool.get().await.unwrap(), count).await;
    assert_eq!(left, 1, "the one that counts");
}

#[tokio::test]
async fn a_connection_that_ends_in_its_users_hands_says_that_nothing_was_sent() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut connection = pool.get().await.unwrap();
    let backend = pid(&mut connection).await;
    let end = "SELECT pg_terminate_backend($1, 20000)";
    assert!(outside(&server).await.query_one(end, &[&backend]).await.unwrap().get::<_, bool>(0));
    eventually("the end is seen", async || {
        let seen = connection.query("SELECT 1", &[]).await.map(|_| ()).map_err(|error| error.kind());
        (seen == Err(ErrorKind::Lost), seen)
    })
    .await;
    drop(connection);
    assert_eq!(one::<i32>(&mut pool.get().await.unwrap(), "SELECT 1").await, 1);
}

#[tokio::test]
async fn terminated_connections_are_not_handed_out() {
    let server = Postgres::start().unwrap();
    let pool = common::pool(&server).max_size(4).wait_timeout(DEADLINE).min_idle(4).build().unwrap();
    pool.fill().await.unwrap();
    let beside = outside(&server).await;
    let end = "SELECT count(pg_terminate_backend(pid, 20000)) FROM pg_stat_activity
               WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    assert_eq!(beside.query_one(end, &[]).await.unwrap().get::<_, i64>(0), 4);
    // The wire has seen it; nobody has asked the connections.
    eventually("their ends are read", async || (pool.stats().server_errors >= 4, pool.stats())).await;
    for _ in 0..8 {
        let mut connection = pool.get().await.unwrap();
        assert_eq!(one::<i32>(&mut connection, "SELECT 1").await, 1);
    }
    eventually("the minimum is there again", async || {
        let seen = others(&beside).await;
        (seen == (4, vec![]), seen)
    })
    .await;
}

#[tokio::test]
async fn what_went_past_the_connection_is_ended_and_cleaned_as_well() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut first = pool.get().await.unwrap();
    let backend = pid(&mut first).await;
    let beside = outside(&server).await;
    let client = first.client().await.unwrap();
    client.batch_execute("SET work_mem = '123kB'; BEGIN").await.unwrap();
    let long = "SELECT pg_sleep(600)";
    tokio::select! {
        result = client.batch_execute(long) => panic!("it ended: {result:?}"),
        () = eventually("the server works for it", async || {
            let look = "SELECT count(*) FROM pg_stat_activity WHERE query = $1 AND state = 'active'";
            let running: i64 = beside.query_one(look, &[&long]).await.unwrap().get(0);
            (running == 1, running)
        }) => {}
    }
    drop(first);

    let mut next = pool.get().await.unwrap();
    assert_eq!(pid(&mut next).await, backend, "cancelled and cleaned, not closed");
    assert_eq!(one::<String>(&mut next, "SHOW work_mem").await, "4MB");
    assert_eq!(pool.stats().cancelled, 1);
}
