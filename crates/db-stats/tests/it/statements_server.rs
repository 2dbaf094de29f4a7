//! Fingerprints and counts beside those of a real server.

use perfect21_db_stats::{Connection, Fingerprint, Order, Pool, normalize};
use perfect21_test_support::postgres::Postgres;
use std::collections::BTreeMap;

const TABLES: &str =
    "CREATE TABLE products (id int PRIMARY KEY, name text, price numeric, data jsonb, \"Größe\" int)";

async fn connection(server: &Postgres) -> (Pool, Connection) {
    let pool = Pool::builder(server.url().parse().unwrap()).build().unwrap();
    let mut connection = pool.get().await.unwrap();
    connection.query(TABLES, &[]).await.unwrap();
    (pool, connection)
}

/// How the server tells statements apart: by what its parser makes of them.
async fn query_id(connection: &mut Connection, sql: &str) -> String {
    let rows = connection.query(&format!("EXPLAIN (VERBOSE, COSTS OFF) {sql}"), &[]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let lines = rows.iter().map(|row| row.get::<_, String>(0));
    lines.into_iter().find_map(|line| line.strip_prefix("Query Identifier: ").map(str::to_owned)).unwrap()
}

#[tokio::test]
async fn what_the_server_holds_for_one_statement_is_one() {
    let server = Postgres::start_with(&[("compute_query_id", "on")]).unwrap();
    let (_pool, mut connection) = connection(&server).await;
    let groups: &[&[&str]] = &[
        &[
            "SELECT name FROM products WHERE id = 7",
            "select NAME from Products where id=-7",
            "select name from products -- by key\nwhere id = /* a /* nested */ one */ 8;",
            "select name from products where id = - 7",
        ],
        &[
            "SELECT name FROM products WHERE name = 'it''s' LIMIT 1",
            "SELECT name FROM products WHERE name = E'it\\'s -- no comment' LIMIT 10",
            "SELECT name FROM products WHERE name = $tag$ $$ ' $tag$ LIMIT 10",
            "SELECT name FROM products WHERE name = U&'\\0061' LIMIT 10",
            "SELECT name FROM products WHERE name = 'one'\n 'string' LIMIT 10",
            "SELECT name FROM products WHERE name = 'back\\' LIMIT 10",
        ],
        &[
            "SELECT data ->> 'a' FROM products WHERE data ? 'b'",
            "select data->>'c' from products where data?'d'",
        ],
        &["SELECT id - 1 FROM products", "SELECT id -1 FROM products", "SELECT id-1 FROM products"],
        &["SELECT id + 1 FROM products"],
        &[
            "SELECT \"Größe\" FROM products WHERE price < 1.5e3",
            "select \"Größe\" from products where price<.5",
        ],
        &["SELECT '2024-01-01'::date, B'01', x'1F'", "SELECT '2025-01-01' :: DATE, b'1', X'2'"],
        &["SELECT id FROM products WHERE id IN (1, 2)", "SELECT id FROM products WHERE id IN (-3, 4)"],
        &[
            "INSERT INTO products VALUES (1, 'a', NULL), (2, 'b', 1.5)",
            "INSERT INTO products VALUES (3,'c',null),(4,'',2.0)",
        ],
        &[
            "SELECT id FROM products WHERE price = ANY (ARRAY[1, 2])",
            "select id from products where price=any(array[3,4])",
        ],
        &["SELECT id FROM products WHERE id IS NULL"],
        &["SELECT id FROM products WHERE id IS NOT NULL"],
    ];
    let mut server_ids = BTreeMap::new();
    let mut ours = BTreeMap::new();
    for (n, group) in groups.iter().enumerate() {
        for sql in *group {
            let id = query_id(&mut connection, sql).await;
            assert_eq!(*server_ids.entry(id).or_insert(n), n, "the server: {sql}");
            assert_eq!(*ours.entry(Fingerprint::of(sql)).or_insert(n), n, "{sql}");
        }
    }
    assert_eq!((server_ids.len(), ours.len()), (groups.len(), groups.len()));
}

#[tokio::test]
async fn a_normalised_text_is_one_that_the_server_reads() {
    let server = Postgres::start().unwrap();
    let (_pool, mut connection) = connection(&server).await;
    for sql in [
        "SELECT count(*), max(p.price) - 1.5 FROM products AS p WHERE p.id BETWEEN -1 AND 10 AND NOT (name = 'x' OR id <> 2)",
        "WITH a AS (SELECT id FROM products) SELECT a.id::text || 'x' FROM a WHERE a.id IN (1, 2, 3) ORDER BY 1 LIMIT 5",
        "INSERT INTO products (id, name) VALUES (1, 'a'), (2, 'b') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        "SELECT (ARRAY[1, 2])[1], ARRAY[[1, 2], [3, 4]], data -> 'a' ->> 'b', \"Größe\" FROM products",
        "SELECT CASE WHEN price > 1 THEN 'dear' ELSE 'cheap' END, price * -1 FROM products",
        "UPDATE products SET data = data #- '{a}', price = -price WHERE id = 1 RETURNING *",
    ] {
        let text = normalize(sql);
        let name = Fingerprint::of(sql);
        let prepared = connection.query(&format!("PREPARE \"{name}\" AS {text}"), &[]).await;
        assert!(prepared.is_ok(), "{text}: {prepared:?}");
    }
}

#[tokio::test]
async fn calls_and_rows_are_those_of_the_server() {
    let server = Postgres::start_with(&[("shared_preload_libraries", "pg_stat_statements")]).unwrap();
    let (pool, mut connection) = connection(&server).await;
    connection.query("CREATE EXTENSION pg_stat_statements", &[]).await.unwrap();
    for n in 1..=40 {
        let values: Vec<_> = (0..n % 4 + 1).map(|m| format!("({}, 'name {m}')", n * 10 + m)).collect();
        let insert = format!("INSERT INTO products (id, name) VALUES {} RETURNING id", values.join(", "));
        connection.query(&insert, &[]).await.unwrap();
        connection.query("SELECT name FROM products WHERE id <= $1", &[&(n * 5)]).await.unwrap();
        let ids: Vec<_> = (0..n % 7 + 1).map(|m| (n * 10 - m).to_string()).collect();
        let list = format!("SELECT id FROM products WHERE id IN ({})", ids.join(","));
        connection.query(&list, &[]).await.unwrap();
    }
    let sql = "SELECT query, calls, rows FROM pg_stat_statements WHERE query ~* '^(select|insert).*products'";
    let mut theirs = BTreeMap::<Fingerprint, (u64, u64)>::new();
    for row in connection.query(sql, &[]).await.unwrap() {
        let counts = theirs.entry(Fingerprint::of(row.get(0))).or_default();
        counts.0 += u64::try_from(row.get::<_, i64>(1)).unwrap();
        counts.1 += u64::try_from(row.get::<_, i64>(2)).unwrap();
    }
    assert_eq!(theirs.len(), 3, "the server's many are three of ours");
    let ours: BTreeMap<_, _> = pool
        .statements()
        .slow_statements(Order::Calls, 100)
        .into_iter()
        .filter_map(|stats| Some((stats.fingerprint?, (stats.calls, stats.rows))))
        .filter(|(fingerprint, _)| theirs.contains_key(fingerprint))
        .collect();
    assert_eq!(ours, theirs);
    assert!(ours.values().all(|(calls, rows)| *calls == 40 && *rows > 0), "{ours:?}");
}
