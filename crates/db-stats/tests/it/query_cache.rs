//! Cached rows: never older than an own write, keys that do not mix, one load for all.

use crate::common::{abandon, eventually, outside, pool};
use futures_util::future::join_all;
use perfect21_core::ManualClock;
use perfect21_db_stats::{ErrorKind, Order, Pool, QueryCache, Rows};
use perfect21_test_support::{postgres::Postgres, soak, wait::DEADLINE};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio_postgres::types::ToSql;

const NOTHING: &[&(dyn ToSql + Sync)] = &[];

async fn start(schema: &str) -> (Postgres, Pool, QueryCache) {
    let server = Postgres::start().unwrap();
    outside(&server).await.batch_execute(schema).await.unwrap();
    let pool = pool(&server).max_size(4).wait_timeout(DEADLINE).build().unwrap();
    let cache = QueryCache::builder(pool.clone()).build().unwrap();
    (server, pool, cache)
}

fn one(rows: &Rows) -> i64 {
    rows.get(0).unwrap().get(0).unwrap()
}

/// Hits since the last look.
fn hits(cache: &QueryCache) -> u64 {
    let stats = cache.stats();
    stats.loads.cache.hits - stats.outdated
}

async fn asked(cache: &QueryCache, sql: &str) -> (i64, bool) {
    let loads = cache.stats().loads.cache.loads;
    let value = one(&cache.query(sql, NOTHING).await.unwrap());
    (value, cache.stats().loads.cache.loads > loads)
}

/// Waits for the catalog: without it each write reaches all, and when it is there all is loaded once more.
async fn settled(cache: &QueryCache) {
    cache.query("SELECT 1", NOTHING).await.unwrap();
    eventually("the schema is known", async || (cache.stats().knows_schema, cache.stats())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_sees_less_than_was_acknowledged_before_it_asked() {
    let (_server, pool, cache) = start(
        "CREATE TABLE t (id int PRIMARY KEY, n bigint NOT NULL);
         INSERT INTO t SELECT i, 0 FROM generate_series(0, 3) i;
         CREATE VIEW v AS SELECT * FROM t WHERE id < 100",
    )
    .await;
    let acknowledged: Arc<Vec<AtomicI64>> = Arc::new((0..4).map(|_| AtomicI64::new(0)).collect());
    let stop = Arc::new(AtomicBool::new(false));
    let writers = (0..4_i32).map(|id| {
        let (pool, acknowledged, stop) = (pool.clone(), Arc::clone(&acknowledged), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                let mut connection = pool.get().await.unwrap();
                match n % 3 {
                    0 => drop(connection.execute("UPDATE v SET n = n + 1 WHERE id = $1", &[&id]).await.unwrap()),
                    1 => {
                        let mut transaction = connection.transaction().await.unwrap();
                        transaction.execute("UPDATE t SET n = n + 1 WHERE id = $1", &[&id]).await.unwrap();
                        transaction.commit().await.unwrap();
                    }
                    _ => connection
                        .batch_execute(&format!("SELECT 1; WITH x AS (UPDATE t SET n = n + 1 WHERE id = {id} RETURNING n) SELECT n FROM x"))
                        .await
                        .unwrap(),
                }
                acknowledged[id as usize].store(n, Ordering::SeqCst);
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let readers = (0..8).map(|reader| {
        let (cache, acknowledged) = (cache.clone(), Arc::clone(&acknowledged));
        tokio::spawn(async move {
            for round in 0..soak::rounds(500, 15_000) {
                let id = ((reader + round) % 4) as i32;
                let table = if round % 2 == 0 { "t" } else { "v" };
                let least = acknowledged[id as usize].load(Ordering::SeqCst);
                let sql = format!("SELECT n FROM {table} WHERE id = $1");
                let seen = one(&cache.query(&sql, &[&id]).await.unwrap());
                assert!(seen >= least, "{seen} after {least} was acknowledged");
            }
        })
    });
    for reader in join_all(readers.collect::<Vec<_>>()).await {
        reader.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let stats = cache.stats();
    assert!(stats.outdated > 0 && stats.loads.cache.hits > 0, "{stats:?}");
}

#[tokio::test]
async fn writes_reach_what_depends_on_their_table_and_nothing_else() {
    let (_server, pool, cache) = start(
        "CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1), (2);
         CREATE TABLE child (parent int REFERENCES parent ON DELETE CASCADE); INSERT INTO child VALUES (1), (1), (2);
         CREATE TABLE other (id int); INSERT INTO other VALUES (1);
         CREATE TABLE part (day date) PARTITION BY RANGE (day);
         CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
         CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
         CREATE FUNCTION counted() RETURNS bigint STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM other); END $$;
         CREATE SCHEMA \"Odd\"; CREATE TABLE \"Odd\".\"Ta\"\"ble\" (id int)",
    )
    .await;
    let children = "SELECT count(*) FROM child";
    let others = "SELECT counted()";
    let parts = "SELECT count(*) FROM part WHERE day < '2026-02-01'";
    let odd = "SELECT count(*) FROM \"Odd\".\"Ta\"\"ble\"";
    let all = [children, others, parts, odd];
    settled(&cache).await;
    for (write, reached, value) in [
        ("DELETE FROM parent WHERE id = 1", children, 1),
        ("INSERT INTO other VALUES (7)", others, 2),
        ("INSERT INTO part_1 VALUES ('2026-01-31')", parts, 1),
        ("INSERT INTO part VALUES ('2026-01-01')", parts, 2),
        ("INSERT INTO \"Odd\".\"Ta\"\"ble\" VALUES (1)", odd, 1),
        ("TRUNCATE ONLY other", others, 0),
        ("COPY child FROM PROGRAM 'echo 2'", children, 2),
    ] {
        for sql in all {
            asked(&cache, sql).await;
            assert!(!asked(&cache, sql).await.1, "{sql} is at hand before {write}");
        }
        pool.get().await.unwrap().execute(write, &[]).await.unwrap();
        for sql in all {
            let (seen, loaded) = asked(&cache, sql).await;
            assert_eq!(loaded, sql == reached, "{sql} after {write}");
            assert!(sql != reached || seen == value, "{seen} after {write}");
        }
    }
}

#[tokio::test]
async fn a_transaction_counts_when_it_is_committed() {
    let (_server, pool, cache) = start("CREATE TABLE t (n bigint); INSERT INTO t VALUES (1)").await;
    let sql = "SELECT max(n) FROM t";
    settled(&cache).await;
    let mut connection = pool.get().await.unwrap();
    let mut transaction = connection.transaction().await.unwrap();
    transaction.execute("UPDATE t SET n = 2", &[]).await.unwrap();
    assert_eq!(asked(&cache, sql).await.0, 1);
    transaction.commit().await.unwrap();
    assert_eq!(asked(&cache, sql).await, (2, true));

    let mut transaction = connection.transaction().await.unwrap();
    transaction.execute("UPDATE t SET n = 3", &[]).await.unwrap();
    drop(transaction);
    assert_eq!(asked(&cache, sql).await.0, 2);

    // A failure in the middle of many statements: what was done before stays done.
    connection.batch_execute("UPDATE t SET n = 4; COMMIT; SELECT 1 / 0").await.unwrap_err();
    assert_eq!(asked(&cache, sql).await, (4, true));
}

#[tokio::test]
async fn a_write_that_was_let_go_counts_when_its_connection_is_back() {
    let (server, pool, cache) = start("CREATE TABLE t (n bigint); INSERT INTO t VALUES (1)").await;
    let sql = "SELECT max(n) FROM t";
    settled(&cache).await;
    let beside = outside(&server).await;
    // One that ends before it is cancelled would count as well: this one waits for a lock.
    beside.batch_execute("BEGIN; SELECT FROM t FOR UPDATE").await.unwrap();
    let mut connection = pool.get().await.unwrap();
    abandon(&mut connection, &outside(&server).await, "UPDATE t SET n = 2").await;
    assert_eq!(asked(&cache, sql).await.0, 1);
    beside.batch_execute("COMMIT").await.unwrap();
    eventually("it is written", async || {
        let n: i64 = beside.query_one(sql, &[]).await.unwrap().get(0);
        (n == 2, n)
    })
    .await;
    drop(connection);
    eventually("it is seen", async || {
        let seen = asked(&cache, sql).await.0;
        (seen == 2, seen)
    })
    .await;
}

#[tokio::test]
async fn past_the_connection_anything_may_be_written() {
    let (_server, pool, cache) = start("CREATE TABLE t (n bigint); INSERT INTO t VALUES (1)").await;
    let sql = "SELECT max(n) FROM t";
    settled(&cache).await;
    let mut connection = pool.get().await.unwrap();
    connection.client().await.unwrap().batch_execute("UPDATE t SET n = 2").await.unwrap();
    drop(connection);
    eventually("it is seen", async || {
        let seen = asked(&cache, sql).await.0;
        (seen == 2, seen)
    })
    .await;
}

#[tokio::test]
async fn triggers_may_write_anything_unless_they_are_said_not_to() {
    let (_server, pool, cache) = start(
        "CREATE TABLE t (n bigint); CREATE TABLE log (n bigint);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (1); RETURN NULL; END $$;
         CREATE TRIGGER note AFTER INSERT ON t EXECUTE FUNCTION note()",
    )
    .await;
    let sql = "SELECT count(*) FROM log";
    let trusting = QueryCache::builder(pool.clone()).triggers_write(false).build().unwrap();
    for cache in [&cache, &trusting] {
        settled(cache).await;
        asked(cache, sql).await;
    }
    pool.get().await.unwrap().execute("INSERT INTO t VALUES (1)", &[]).await.unwrap();
    assert_eq!(asked(&cache, sql).await.0, 1);
    assert_eq!(asked(&trusting, sql).await, (0, false), "as it was told");
}

#[tokio::test]
async fn a_change_of_the_schema_is_a_write_of_all() {
    let (_server, pool, cache) = start("CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)").await;
    let sql = "SELECT count(*) FROM t WHERE n = $1";
    for _ in 0..2 {
        assert_eq!(one(&cache.query(sql, &[&1_i32]).await.unwrap()), 1);
    }
    let mut connection = pool.get().await.unwrap();
    connection.execute("ALTER TABLE t ALTER n TYPE bigint", &[]).await.unwrap();
    assert_eq!(one(&cache.query(sql, &[&1_i64]).await.unwrap()), 1);
    let error = cache.query(sql, &[&1_i32]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Statement, "{error}");
}

#[tokio::test]
async fn a_change_of_the_schema_by_others_is_never_a_wrong_answer() {
    let (server, _pool, cache) = start("CREATE TABLE t (n text); INSERT INTO t VALUES ('0001')").await;
    let sql = "SELECT count(*) FROM t WHERE n = $1";
    assert_eq!(one(&cache.query(sql, &[&"0001"]).await.unwrap()), 1);
    // Four letters, or a number of four bytes.
    let change = "ALTER TABLE t ALTER n TYPE int USING 808464433";
    outside(&server).await.batch_execute(change).await.unwrap();
    let error = cache.query(sql, &[&"0002"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Statement, "{error}");
    assert_eq!(one(&cache.query(sql, &[&808_464_433_i32]).await.unwrap()), 1);
}

#[tokio::test]
async fn what_writes_runs_each_time() {
    let (_server, _pool, cache) = start(
        "CREATE TABLE t (n bigint); INSERT INTO t VALUES (1);
         CREATE FUNCTION more() RETURNS bigint LANGUAGE sql AS 'UPDATE t SET n = n + 1 RETURNING n'",
    )
    .await;
    settled(&cache).await;
    for expected in 2..5 {
        assert_eq!(one(&cache.query("UPDATE t SET n = n + 1 RETURNING n", NOTHING).await.unwrap()), expected);
        assert_eq!(one(&cache.query("SELECT max(n) FROM t", NOTHING).await.unwrap()), expected);
    }
    for expected in 5..8 {
        assert_eq!(one(&cache.query("SELECT more()", NOTHING).await.unwrap()), expected);
    }
    let locked = "SELECT n FROM t FOR UPDATE";
    let bypassed = cache.stats().bypassed;
    for _ in 0..3 {
        cache.query(locked, NOTHING).await.unwrap();
    }
    assert!(cache.stats().bypassed >= bypassed + 2, "known after the first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_cost_one_statement_and_those_who_leave_cost_nobody() {
    let (_server, pool, cache) = start("CREATE TABLE t (n bigint); INSERT INTO t VALUES (1)").await;
    settled(&cache).await;
    let sql = "SELECT n, pg_sleep(0.05)::text FROM t";
    let callers = (0..50).map(|caller| {
        let cache = cache.clone();
        tokio::spawn(async move {
            let query = cache.query(sql, NOTHING);
            if caller % 5 == 0 {
                return tokio::time::timeout(Duration::from_millis(1), query).await.is_ok();
            }
            one(&query.await.unwrap()) == 1
        })
    });
    let answered = join_all(callers.collect::<Vec<_>>()).await;
    assert!(answered.into_iter().filter(|done| *done.as_ref().unwrap()).count() >= 40);
    let calls = pool.statements().slow_statements(Order::Calls, 50);
    let calls = calls.iter().find(|statement| statement.sql.contains("pg_sleep")).unwrap().calls;
    assert_eq!(calls, 1);
    assert!(cache.query("SELECT nonsense", NOTHING).await.is_err());
    assert!(cache.query("SELECT 1 / (n - 1) FROM t", NOTHING).await.unwrap_err().code().is_some());
    assert_eq!(one(&cache.query(sql, NOTHING).await.unwrap()), 1);
}

#[tokio::test]
async fn keys_do_not_mix() {
    let (_server, _pool, cache) = start("").await;
    let text = "SELECT coalesce($1::text, '-') || '|' || coalesce($2::text, '-')";
    let params: [[Option<&str>; 2]; 8] = [
        [Some("a"), Some("bc")],
        [Some("ab"), Some("c")],
        [Some("abc"), Some("")],
        [Some(""), Some("abc")],
        [None, Some("")],
        [Some(""), None],
        [None, None],
        [Some("\u{1}\0\0\0\u{1}x"), None].map(|text| text.filter(|text| !text.contains('\0'))),
    ];
    for _ in 0..2 {
        for [one, two] in params {
            let rows = cache.query(text, &[&one, &two]).await.unwrap();
            let expected = format!("{}|{}", one.unwrap_or("-"), two.unwrap_or("-"));
            assert_eq!(rows.get(0).unwrap().get::<&str>(0).unwrap(), expected);
        }
    }
    let rows = cache.query("SELECT 1::int AS a, NULL::int AS b, 'x'::text AS \"C\"", NOTHING).await.unwrap();
    let row = rows.get(0).unwrap();
    assert_eq!(
        (row.get("a").ok(), row.get::<Option<i32>>("b").ok(), row.get("c").ok()),
        (Some(1), Some(None), Some("x"))
    );
    for (error, part) in [
        (row.get::<i32>("d").unwrap_err(), "a, b, C"),
        (row.get::<i32>(3).unwrap_err(), "a, b, C"),
        (row.get::<&str>("a").unwrap_err(), "int4"),
        (row.get::<i32>("b").unwrap_err(), "NULL"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Column);
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(part), "{error}: {source}");
    }
}

#[tokio::test]
async fn each_scope_has_results_of_its_own() {
    let (_server, pool, cache) = start(
        "CREATE ROLE alice; CREATE ROLE bob; CREATE TABLE t (owner text, n bigint); GRANT ALL ON t TO alice, bob;
         INSERT INTO t VALUES ('alice', 1), ('bob', 2); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON t USING (owner = current_user);
         CREATE SCHEMA \"Ten'ant\"; CREATE TABLE \"Ten'ant\".t (n bigint); INSERT INTO \"Ten'ant\".t VALUES (7)",
    )
    .await;
    let sql = "SELECT sum(n)::bigint FROM t";
    settled(&cache).await;
    let scopes = [
        (cache.scope(Some("alice"), None), 1),
        (cache.scope(Some("bob"), None), 2),
        (cache.scope(None, Some("\"Ten'ant\"")), 7),
        (cache.clone(), 3),
    ];
    for round in 0..3 {
        for (scope, expected) in &scopes {
            assert_eq!(asked(scope, sql).await, (*expected, round == 0));
        }
    }
    pool.get().await.unwrap().execute("UPDATE public.t SET n = n + 10", &[]).await.unwrap();
    for ((scope, _), expected) in scopes.iter().zip([11, 12, 7, 23]) {
        assert_eq!(asked(scope, sql).await.0, expected);
    }
    let error = cache.scope(Some("nobody"), None).query(sql, NOTHING).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "22023", "{error}");
}

#[tokio::test]
async fn time_and_room_are_bounded() {
    let (server, pool, _) = start("CREATE TABLE t (n bigint, x text); INSERT INTO t VALUES (1, '')").await;
    let clock = Arc::new(ManualClock::new());
    let cache = QueryCache::builder(pool)
        .ttl(Duration::from_secs(60))
        .ttl_jitter(0.0)
        .stale_while_revalidate(Duration::from_secs(30))
        .max_bytes(100_000)
        .clock(clock.clone())
        .build()
        .unwrap();
    let beside = outside(&server).await;
    let sql = "SELECT n FROM t";
    settled(&cache).await;
    asked(&cache, sql).await;
    beside.batch_execute("UPDATE t SET n = 2").await.unwrap();
    clock.advance(Duration::from_secs(59));
    assert_eq!(asked(&cache, sql).await, (1, false));
    clock.advance(Duration::from_secs(2));
    assert_eq!(asked(&cache, sql).await.0, 1, "answered while it is loaded");
    eventually("the new one is there", async || {
        let seen = asked(&cache, sql).await.0;
        (seen == 2, seen)
    })
    .await;
    // No row is a result, too.
    let none = "SELECT n FROM t WHERE n = 77";
    assert!(cache.query(none, NOTHING).await.unwrap().is_empty());
    let before = hits(&cache);
    assert!(cache.query(none, NOTHING).await.unwrap().is_empty());
    assert_eq!(hits(&cache), before + 1);
    // Answered, not held.
    let large = "SELECT repeat('x', 200000)";
    for _ in 0..2 {
        assert_eq!(
            cache.query(large, NOTHING).await.unwrap().get(0).unwrap().get::<&str>(0).unwrap().len(),
            200_000
        );
    }
    for i in 0..300_i64 {
        cache.query("SELECT $1::bigint, repeat('x', 1000)", &[&i]).await.unwrap();
    }
    let held = cache.stats().loads.cache;
    assert!(held.bytes <= 100_000 && held.entries > 50, "{held:?}");
}

#[tokio::test]
async fn impossible_settings_say_what_is_possible() {
    let server = Postgres::start().unwrap();
    let build = || QueryCache::builder(pool(&server).build().unwrap());
    let pooler = pool(&server).behind_transaction_pooler(true).build().unwrap();
    for (error, setting) in [
        (QueryCache::builder(pooler).build().unwrap_err(), "pool"),
        (build().max_entries(0).build().unwrap_err(), "max_entries"),
        (build().max_bytes(0).build().unwrap_err(), "max_bytes"),
        (build().max_texts(0).build().unwrap_err(), "max_texts"),
        (build().ttl(Duration::ZERO).build().unwrap_err(), "ttl"),
        (build().ttl_jitter(1.5).build().unwrap_err(), "ttl_jitter"),
        (build().ping_interval(Duration::ZERO).build().unwrap_err(), "ping_interval"),
        (build().ping_timeout(Duration::ZERO).build().unwrap_err(), "ping_timeout"),
    ] {
        assert_eq!(error.setting(), setting);
    }
}
