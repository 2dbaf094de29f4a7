//! Statements: prepared once, bounded, healed after DDL; transactions; copies.

use crate::common::{abandon, eventually, one, outside, pid, pool, single};
use bytes::Bytes;
use futures_util::stream;
use perfect21_db_stats::ErrorKind;
use perfect21_test_support::postgres::Postgres;
use std::time::Duration;
use tokio_postgres::types::Type;

const PREPARED: &str = "SELECT count(*) FROM pg_prepared_statements";

#[tokio::test]
async fn a_change_of_the_schema_heals_outside_of_a_transaction() {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    beside.batch_execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await.unwrap();
    let pool = single(&server);
    let mut connection = pool.get().await.unwrap();
    let all = "SELECT * FROM t";
    assert_eq!(connection.query(all, &[]).await.unwrap()[0].len(), 1);
    beside.batch_execute("ALTER TABLE t ADD b int DEFAULT 2").await.unwrap();
    assert_eq!(connection.query(all, &[]).await.unwrap()[0].len(), 2);
    assert_eq!(pool.stats().healed, 1);

    // In a transaction the error has done its harm already; the next one works.
    connection.execute("BEGIN", &[]).await.unwrap();
    beside.batch_execute("ALTER TABLE t ADD c int DEFAULT 3").await.unwrap();
    assert_eq!(connection.query(all, &[]).await.unwrap_err().code().unwrap().code(), "0A000");
    connection.execute("ROLLBACK", &[]).await.unwrap();
    assert_eq!(connection.query(all, &[]).await.unwrap()[0].len(), 3);

    // Taken away behind its back.
    connection.query("DEALLOCATE ALL", &[]).await.unwrap();
    assert_eq!(connection.query(all, &[]).await.unwrap()[0].len(), 3);
}

#[tokio::test]
async fn prepared_statements_are_bounded_on_the_server() {
    let server = Postgres::start().unwrap();
    let pool = pool(&server).max_size(1).max_prepared(10).build().unwrap();
    let mut connection = pool.get().await.unwrap();
    for i in 0..100 {
        let rows = connection.query(&format!("SELECT {i} + $1::int"), &[&1_i32]).await.unwrap();
        assert_eq!(rows[0].get::<_, i32>(0), i + 1);
    }
    assert_eq!(one::<i64>(&mut connection, PREPARED).await, 10);
    // Those that are used stay.
    let statement =
        "SELECT prepare_time::text FROM pg_prepared_statements WHERE statement LIKE '%prepare_time%'";
    let first: String = one(&mut connection, statement).await;
    for i in 0..100 {
        connection.query(&format!("SELECT {i}"), &[]).await.unwrap();
        assert_eq!(one::<String>(&mut connection, statement).await, first);
    }
}

#[tokio::test]
async fn rows_are_counted_as_asked() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut connection = pool.get().await.unwrap();
    assert!(connection.query_opt("SELECT 1 WHERE false", &[]).await.unwrap().is_none());
    let error = connection.query_one("SELECT 1 WHERE false", &[]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::RowCount, "the statement gave 0 rows, not one")
    );
    let error = connection.query_opt("SELECT generate_series(1, 3)", &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RowCount);
    let typed = connection.query_typed("SELECT $1 * 2", &[(&21_i32, Type::INT4)]).await.unwrap();
    assert_eq!(typed[0].get::<_, i32>(0), 42);
    connection.execute("CREATE TABLE t (i int)", &[]).await.unwrap();
    assert_eq!(connection.execute("INSERT INTO t SELECT generate_series(1, 5)", &[]).await.unwrap(), 5);
}

#[tokio::test]
async fn transactions_are_kept_by_commit_only() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut connection = pool.get().await.unwrap();
    connection.execute("CREATE TABLE t (i int)", &[]).await.unwrap();
    let insert = "INSERT INTO t VALUES ($1)";
    let mut kept = connection.transaction().await.unwrap();
    kept.execute(insert, &[&1_i32]).await.unwrap();
    // A savepoint that is dropped takes only its own part back.
    let mut inner = kept.transaction().await.unwrap();
    inner.execute(insert, &[&2_i32]).await.unwrap();
    drop(inner);
    let mut inner = kept.transaction().await.unwrap();
    inner.execute(insert, &[&3_i32]).await.unwrap();
    inner.commit().await.unwrap();
    kept.commit().await.unwrap();
    // Dropped, rolled back, and failed.
    let mut dropped = connection.transaction().await.unwrap();
    dropped.execute(insert, &[&4_i32]).await.unwrap();
    drop(dropped);
    let mut undone = connection.transaction().await.unwrap();
    undone.execute(insert, &[&5_i32]).await.unwrap();
    undone.rollback().await.unwrap();
    let mut failed = connection.transaction().await.unwrap();
    failed.execute(insert, &[&6_i32]).await.unwrap();
    failed.query("SELECT nonsense", &[]).await.unwrap_err();
    assert_eq!(failed.commit().await.unwrap_err().kind(), ErrorKind::Aborted);
    // Given up half-way: the server would take a commit for a rollback, and call it a success.
    let mut given_up = connection.transaction().await.unwrap();
    given_up.execute(insert, &[&8_i32]).await.unwrap();
    abandon(&mut given_up, &outside(&server).await, "SELECT pg_sleep(600)").await;
    assert_eq!(given_up.commit().await.unwrap_err().kind(), ErrorKind::Aborted);
    let sum = "SELECT string_agg(i::text, ',' ORDER BY i) FROM t";
    assert_eq!(one::<String>(&mut connection, sum).await, "1,3");

    // Dropped with its connection.
    let backend = pid(&mut connection).await;
    let mut last = connection.transaction().await.unwrap();
    last.execute(insert, &[&7_i32]).await.unwrap();
    drop(last);
    drop(connection);
    let mut next = pool.get().await.unwrap();
    assert_eq!(one::<String>(&mut next, sum).await, "1,3");
    assert_eq!(pid(&mut next).await, backend);
}

#[tokio::test]
async fn copies_pass_both_ways_and_a_dropped_one_leaves_nothing() {
    let server = Postgres::start().unwrap();
    let pool = single(&server);
    let mut connection = pool.get().await.unwrap();
    let backend = pid(&mut connection).await;
    connection.execute("CREATE TABLE t (i int)", &[]).await.unwrap();
    let rows = |count: i32| stream::iter((0..count).map(|i| Bytes::from(format!("{i}\n"))));
    assert_eq!(connection.copy_in("COPY t FROM STDIN", rows(5000)).await.unwrap(), 5000);
    let mut back = Vec::new();
    let count =
        connection.copy_out("COPY t TO STDOUT", |chunk| back.extend_from_slice(&chunk)).await.unwrap();
    assert_eq!(count, 5000);
    assert!(back.starts_with(b"0\n1\n") && back.ends_with(b"4999\n"));

    // Refused half-way.
    let bad = stream::iter([Bytes::from_static(b"1\n"), Bytes::from_static(b"x\n")]);
    let error = connection.copy_in("COPY t FROM STDIN", bad).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "22P02");
    assert_eq!(one::<i64>(&mut connection, "SELECT count(*) FROM t").await, 5000);

    // Given up half-way: the data never ends.
    let endless = futures_util::StreamExt::chain(rows(10), stream::pending());
    let beside = outside(&server).await;
    let copying = eventually("the server waits for data", async || {
        let look =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientRead' AND state = 'active'";
        let copying: i64 = beside.query_one(look, &[]).await.unwrap().get(0);
        (copying == 1, copying)
    });
    tokio::select! {
        result = connection.copy_in("COPY t FROM STDIN", endless) => panic!("it ended: {result:?}"),
        () = copying => {}
    }
    drop(connection);
    let mut next = pool.get().await.unwrap();
    assert_eq!(one::<i64>(&mut next, "SELECT count(*) FROM t").await, 5000);
    assert_eq!(pid(&mut next).await, backend);

    let all = next.copy_out("COPY (SELECT generate_series(1, 10000000)) TO STDOUT", |_| ());
    assert!(tokio::time::timeout(Duration::from_millis(50), all).await.is_err());
    assert_eq!(one::<i32>(&mut next, "SELECT 1").await, 1);
}

#[tokio::test]
async fn the_server_ends_a_statement_at_its_time_out() {
    let server = Postgres::start().unwrap();
    let pool = pool(&server).statement_timeout(Duration::from_millis(100)).build().unwrap();
    let mut connection = pool.get().await.unwrap();
    let error = connection.query("SELECT pg_sleep(600)", &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "57014");
    assert_eq!(one::<i32>(&mut connection, "SELECT 1").await, 1);
}

#[tokio::test]
async fn a_pooler_is_never_shown_a_session() {
    let server = Postgres::start().unwrap();
    let pool = pool(&server).max_size(1).behind_transaction_pooler(true).build().unwrap();
    let mut connection = pool.get().await.unwrap();
    assert_eq!(one::<String>(&mut connection, "SHOW jit").await, "on", "no options are sent");
    let error = connection.query("SELECT $1::int", &[&1_i32]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untyped);
    let typed = connection.query_typed("SELECT $1", &[(&7_i32, Type::INT4)]).await.unwrap();
    assert_eq!(typed[0].get::<_, i32>(0), 7);
    connection.execute("CREATE TABLE t (i int)", &[]).await.unwrap();
    assert_eq!(one::<i64>(&mut connection, PREPARED).await, 0);
}

#[tokio::test]
async fn a_parameter_that_has_another_type_by_now_heals_within_a_transaction_too() {
    let server = Postgres::start().unwrap();
    let beside = outside(&server).await;
    beside.batch_execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('1')").await.unwrap();
    let pool = single(&server);
    let mut connection = pool.get().await.unwrap();
    let sql = "SELECT count(*) FROM t WHERE a = $1";
    assert_eq!(connection.query_one(sql, &[&"1"]).await.unwrap().get::<_, i64>(0), 1);
    beside.batch_execute("ALTER TABLE t ALTER a TYPE int USING a::int").await.unwrap();
    let mut transaction = connection.transaction().await.unwrap();
    assert_eq!(transaction.query_one(sql, &[&1_i32]).await.unwrap().get::<_, i64>(0), 1);
    // Who is wrong is told so, and nothing was sent.
    let error = transaction.query_one(sql, &[&1_i64]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Statement, None));
    assert_eq!(transaction.query_one(sql, &[&1_i32]).await.unwrap().get::<_, i64>(0), 1);
    transaction.commit().await.unwrap();
    assert_eq!(pool.stats().healed, 2);
}
