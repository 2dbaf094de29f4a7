//! What the tests of indexes share: a shop's tables, and the indexes that it wants.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_db_stats::index::{Index, Indexes, IndexesBuilder, Key};
use perfect21_test_support::{postgres::Postgres, wait::DEADLINE};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

pub(crate) const SHOP: &str = "
    CREATE TABLE users (id bigint PRIMARY KEY, email varchar(200) NOT NULL, name text, session text, active boolean DEFAULT true);
    CREATE TABLE products (id bigint PRIMARY KEY, category int, price numeric, title text, attributes jsonb DEFAULT '{}', words tsvector,
        tags text[], sku text);
    CREATE TABLE orders (id bigint, user_id bigint, status text, total numeric, created_at timestamptz NOT NULL)
        PARTITION BY RANGE (created_at);
    CREATE TABLE orders_2024_01 PARTITION OF orders FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2024-02-01 00:00+00');
    CREATE TABLE orders_2024_02 PARTITION OF orders FOR VALUES FROM ('2024-02-01 00:00+00') TO ('2024-03-01 00:00+00');
    INSERT INTO users SELECT n, 'User' || n || '@example.org', 'name ' || n, md5(n::text) FROM generate_series(1, 1000) n;
    INSERT INTO products SELECT n, n % 10, n, 'title ' || n, jsonb_build_object('size', n % 5), to_tsvector('simple', 'title ' || n), ARRAY['a'], 's' || n
        FROM generate_series(1, 1000) n;
    INSERT INTO orders SELECT n, n % 100, (ARRAY['open', 'paid', 'sent'])[n % 3 + 1], n, '2024-01-01 00:00+00'::timestamptz + n * interval '40 minutes'
        FROM generate_series(1, 2000) n;";

/// Thirteen as a shop's service has them; four of them on the partitioned table, so on two partitions each.
pub(crate) fn thirteen() -> IndexesBuilder {
    let build = |index: perfect21_db_stats::index::IndexBuilder| index.build().unwrap();
    Indexes::builder()
        .index(build(
            Index::on("users").key(Key::expression("lower(email)")).unique().name("users_email_key"),
        ))
        .index(build(Index::on("users").key("session").hash()))
        .index(build(Index::on("users").key("name").predicate("active").name("users_active_name")))
        .index(build(
            Index::on("products").key("category").key(Key::column("price").desc().nulls_first(false)),
        ))
        .index(build(Index::on("products").key("sku").include("title").include("price").unique()))
        .index(build(Index::on("products").key("attributes").gin()))
        .index(build(
            Index::on("products")
                .key(Key::column("attributes").opclass("jsonb_path_ops"))
                .gin()
                .name("products_paths"),
        ))
        .index(build(Index::on("products").key("words").gin()))
        .index(build(
            Index::on("products").key(Key::column("title").collation("C").opclass("text_pattern_ops")),
        ))
        .index(build(Index::on("orders").key("user_id").key(Key::column("created_at").desc())))
        .index(build(Index::on("orders").key("created_at").predicate("status = 'open'").name("orders_open")))
        .index(build(Index::on("orders").key("id").key("created_at").unique()))
        .index(build(
            Index::on("orders")
                .key("created_at")
                .method(perfect21_db_stats::index::Method::Brin)
                .name("orders_brin"),
        ))
        .lock_timeout(Duration::from_millis(100))
        .tries(100)
}

pub(crate) async fn connect_to(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A server of its own, since a concurrent build waits for the transactions of its whole database.
pub(crate) async fn shop() -> (Postgres, Client) {
    let server = Postgres::start().unwrap();
    let client = connect_to(&server.url()).await;
    client.batch_execute(SHOP).await.unwrap();
    (server, client)
}

pub(crate) async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// What no run may leave: indexes that are not valid, locks, changed settings.
pub(crate) async fn left_behind(client: &Client) -> Vec<String> {
    let sql = "SELECT 'index ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid
        UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory'
        UNION ALL SELECT name || ' = ' || setting FROM pg_settings
            WHERE name IN ('lock_timeout', 'statement_timeout') AND setting <> '0'";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Polls until it holds, for at most [`DEADLINE`].
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not happen in {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
