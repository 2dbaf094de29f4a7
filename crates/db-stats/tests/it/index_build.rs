//! Builds that fail, are killed, dropped, doubled or held up: the next one is whole, and the session as before.
#![cfg(feature = "index")]

use crate::index_common::{connect_to, count, left_behind, shop, thirteen, until};
use perfect21_db_stats::{
    ErrorKind,
    index::{Index, Indexes, IndexesBuilder, Key, Outcome, State},
};
use perfect21_test_support::wait::DEADLINE;
use std::{error::Error as _, time::Duration};
use tokio_postgres::Client;

fn one() -> IndexesBuilder {
    Indexes::builder().index(Index::on("users").key("email").build().unwrap())
}

/// A build that waits for this session's transaction.
async fn hold(client: &Client) {
    client.batch_execute("BEGIN; UPDATE users SET name = name WHERE id = 1").await.unwrap();
}

async fn building(client: &Client) {
    until("a build is under way", async || {
        count(client, "SELECT count(*) FROM pg_index WHERE NOT indisvalid").await > 0
    })
    .await;
}

#[tokio::test]
async fn rows_that_are_not_unique_leave_nothing() {
    let (_server, client) = shop().await;
    client.batch_execute("SET statement_timeout = '7s'; SET lock_timeout = '8s'").await.unwrap();
    let wanted = Indexes::builder()
        .index(Index::on("products").key("category").unique().build().unwrap())
        .index(Index::on("orders").key("user_id").key("created_at").build().unwrap())
        .build()
        .unwrap();
    let applied = wanted.apply(&client, None, |_| {}).await.unwrap();
    let [(_, Outcome::Failed(error)), (_, Outcome::Built { .. })] = &applied.outcomes[..] else {
        panic!("{applied:?}")
    };
    assert_eq!(error.code().unwrap().code(), "23505");
    assert_eq!(
        error.to_string(),
        "building the index \"products_category_idx\" on \"public\".\"products\" failed"
    );
    let cause = error.source().unwrap().source().unwrap().to_string();
    assert!(cause.contains("could not create unique index"), "{cause}");
    assert_eq!(left_behind(&client).await, ["lock_timeout = 8000", "statement_timeout = 7000"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_tells_how_far_it_is_and_for_whom_it_waits() {
    let (server, client) = shop().await;
    let [holder, watcher] = [connect_to(&server.url()).await, connect_to(&server.url()).await];
    client.batch_execute("SET statement_timeout = '60s'").await.unwrap();
    let pid: i32 = holder.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    hold(&holder).await;
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let run = tokio::spawn(async move {
        let wanted = one().build().unwrap();
        let applied =
            wanted.apply(&client, Some(&watcher), |progress| drop(sender.send(progress.clone()))).await;
        (applied.unwrap().whole().unwrap(), client)
    });
    let progress = loop {
        let progress = seen.recv().await.unwrap();
        // The lock and the phase are not read at the same moment.
        if progress.waits_for == Some(pid) && progress.phase.starts_with("waiting for writers") {
            break progress;
        }
    };
    assert!(progress.blocker.unwrap().contains("UPDATE users"));
    assert_eq!((progress.index.as_str(), progress.table.name()), ("users_email_idx", "users"));
    holder.batch_execute("COMMIT").await.unwrap();
    let (applied, client) = run.await.unwrap();
    assert!(matches!(applied.outcomes[0].1, Outcome::Built { .. }));
    assert_eq!(left_behind(&client).await, ["statement_timeout = 60000"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_or_dropped_build_is_cleaned_and_built_by_the_next() {
    let (server, watcher) = shop().await;
    for by_server in [true, false] {
        let [holder, client] = [connect_to(&server.url()).await, connect_to(&server.url()).await];
        client.batch_execute("SET statement_timeout = '50s'").await.unwrap();
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        hold(&holder).await;
        let wanted = one().build().unwrap();
        if by_server {
            let kill = async {
                building(&watcher).await;
                watcher.query("SELECT pg_terminate_backend($1, 5000)", &[&pid]).await.unwrap();
            };
            let (result, ()) = tokio::join!(wanted.apply(&client, None, |_| {}), kill);
            assert!(result.is_err() && client.is_closed());
        } else {
            tokio::select! {
                _ = wanted.apply(&client, None, |_| {}) => panic!("it has ended"),
                () = building(&watcher) => {}
            }
            // As a pool does, which cancels what a lost future left.
            watcher.query("SELECT pg_cancel_backend($1)", &[&pid]).await.unwrap();
        }
        let wanted = one().wait(DEADLINE).build().unwrap();
        let client = if by_server { connect_to(&server.url()).await } else { client };
        let states = wanted.diff(&client).await.unwrap().entries;
        assert_eq!(states[0].state, State::Invalid { building: false });
        let left: Vec<_> = left_behind(&client).await;
        let expected = if by_server {
            &["index users_email_idx"][..]
        } else {
            &["index users_email_idx", "statement_timeout = 50000"]
        };
        assert_eq!(left, expected, "locks and time-outs are put back behind the statement");
        holder.batch_execute("COMMIT").await.unwrap();
        let applied = wanted.apply(&client, None, |_| {}).await.unwrap().whole().unwrap();
        assert!(matches!(applied.outcomes[0].1, Outcome::Built { .. }));
        assert!(wanted.diff(&client).await.unwrap().is_whole());
        client.batch_execute("DROP INDEX users_email_idx; SET statement_timeout = 0").await.unwrap();
        assert_eq!(left_behind(&client).await, [] as [String; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn builders_at_once_build_once() {
    let (server, client) = shop().await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let client = connect_to(&server.url()).await;
        tasks.push(tokio::spawn(async move {
            thirteen().build().unwrap().apply(&client, None, |_| {}).await.unwrap().whole().unwrap()
        }));
    }
    let mut built = 0;
    for task in tasks {
        let applied = task.await.unwrap();
        built +=
            applied.outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Built { .. })).count();
    }
    assert_eq!(built, 13, "each by one of them");
    assert!(thirteen().build().unwrap().diff(&client).await.unwrap().is_whole());
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_build_is_waited_for_and_never_dropped() {
    let (server, client) = shop().await;
    let [holder, other] = [connect_to(&server.url()).await, connect_to(&server.url()).await];
    hold(&holder).await;
    let other = tokio::spawn(async move {
        other.batch_execute("CREATE INDEX CONCURRENTLY users_email_idx ON users (email)").await.unwrap();
    });
    building(&client).await;
    let wanted = one().wait(Duration::from_millis(50)).build().unwrap();
    assert_eq!(wanted.diff(&client).await.unwrap().entries[0].state, State::Invalid { building: true });
    let error = wanted.apply(&client, None, |_| {}).await.unwrap().whole().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(
        error.to_string().starts_with("waiting for whoever builds the index \"users_email_idx\""),
        "{error}"
    );
    let oid = count(&client, "SELECT 'users_email_idx'::regclass::oid::bigint").await;
    let wanted = one().build().unwrap();
    let (applied, ()) = tokio::join!(wanted.apply(&client, None, |_| {}), async {
        holder.batch_execute("COMMIT").await.unwrap();
    });
    let _ = applied.unwrap().whole().unwrap();
    other.await.unwrap();
    assert_eq!(
        count(&client, "SELECT 'users_email_idx'::regclass::oid::bigint").await,
        oid,
        "theirs is the one"
    );
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_told_and_leaves_nothing() {
    let (server, client) = shop().await;
    let holder = connect_to(&server.url()).await;
    hold(&holder).await;
    let wanted = one().build_wait(Duration::from_millis(30)).tries(2).build().unwrap();
    // Dropping the leftover waits as well, and so it may stay; the next run takes it.
    let error = wanted.apply(&client, None, |_| {}).await.unwrap().whole().unwrap_err();
    assert_eq!((error.kind(), error.code().unwrap().code()), (ErrorKind::Busy, "55P03"), "{error}");
    holder.batch_execute("COMMIT; BEGIN; LOCK TABLE orders IN ROW EXCLUSIVE MODE").await.unwrap();
    let wanted = Indexes::builder().index(Index::on("orders").key("user_id").build().unwrap());
    let wanted = wanted.lock_timeout(Duration::from_millis(30)).tries(2).build().unwrap();
    let error = wanted.apply(&client, None, |_| {}).await.unwrap().whole().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.to_string().contains("on \"public\".\"orders\" alone"), "{error}");
    holder.batch_execute("COMMIT").await.unwrap();
    let _ = wanted.apply(&client, None, |_| {}).await.unwrap().whole().unwrap();
    let _ = one().build().unwrap().apply(&client, None, |_| {}).await.unwrap().whole().unwrap();
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}

#[tokio::test]
async fn indexes_of_partitions_are_attached_and_taken_up_where_they_were_left() {
    let (_server, client) = shop().await;
    client
        .batch_execute(
            "CREATE TABLE orders_2024_03 PARTITION OF orders FOR VALUES FROM ('2024-03-01 00:00+00') TO ('2024-04-01 00:00+00') PARTITION BY LIST (status);
             CREATE TABLE orders_open PARTITION OF orders_2024_03 FOR VALUES IN ('open');
             CREATE TABLE orders_rest PARTITION OF orders_2024_03 DEFAULT;
             CREATE INDEX mine ON orders_2024_01 (user_id, created_at DESC);
             CREATE INDEX not_mine ON orders_2024_02 (user_id, created_at);
             CREATE INDEX orders_user_id_created_at_idx ON ONLY orders (user_id, created_at DESC);
             CREATE TABLE orders_rest_user_id_created_at_idx (taken int);",
        )
        .await
        .unwrap();
    let index = Index::on("orders").key("user_id").key(Key::column("created_at").desc()).build().unwrap();
    let wanted = Indexes::builder().index(index).build().unwrap();
    assert_eq!(wanted.diff(&client).await.unwrap().entries[0].state, State::Invalid { building: false });
    let _ = wanted.apply(&client, None, |_| {}).await.unwrap().whole().unwrap();
    assert!(wanted.diff(&client).await.unwrap().is_whole());
    let attached = "SELECT h.inhrelid::regclass::text FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid AND c.relkind IN ('i', 'I') ORDER BY 1";
    let attached: Vec<String> =
        client.query(attached, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    let expected = [
        "mine",
        "orders_2024_02_user_id_created_at_idx",
        "orders_2024_03_user_id_created_at_idx",
        "orders_open_user_id_created_at_idx",
        "orders_rest_user_id_created_at_idx_2",
    ];
    assert_eq!(attached, expected);
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}
