//! A wanted list against a real server: what counts as the same, what is missing, what is refused.
#![cfg(feature = "index")]

use crate::index_common::{connect_to, count, left_behind, shop, thirteen};
use perfect21_db_stats::{
    ErrorKind,
    index::{Index, Indexes, Key, Method, Outcome, State},
};

#[tokio::test]
async fn thirteen_indexes_and_two_partitions_are_built_once() {
    let (server, client) = shop().await;
    let wanted = thirteen().build().unwrap();
    let diff = wanted.diff(&client).await.unwrap();
    assert_eq!(diff.entries.len(), 13);
    assert!(diff.entries.iter().all(|entry| entry.state == State::Missing), "{diff}");
    assert_eq!(count(&client, "SELECT count(*) FROM pg_class WHERE relpersistence = 't'").await, 0);

    let watcher = connect_to(&server.url()).await;
    let applied = wanted.apply(&client, Some(&watcher), |_| {}).await.unwrap().whole().unwrap();
    assert!(
        applied.outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::Built { .. })),
        "{applied:?}"
    );
    let diff = wanted.diff(&client).await.unwrap();
    assert!(diff.is_whole(), "{diff}");
    let parts =
        "SELECT count(*) FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid WHERE i.indisvalid
        AND i.indrelid IN ('orders_2024_01'::regclass, 'orders_2024_02'::regclass)";
    assert_eq!(count(&client, parts).await, 8, "each of four, on each partition");
    // A new partition gets them from the server, and the planner uses them.
    client.batch_execute("CREATE TABLE orders_2024_03 PARTITION OF orders FOR VALUES FROM ('2024-03-01 00:00+00') TO ('2024-04-01 00:00+00'); SET enable_seqscan = off").await.unwrap();
    let plan = client
        .query("EXPLAIN SELECT * FROM orders WHERE user_id = 5 ORDER BY created_at DESC", &[])
        .await
        .unwrap();
    let plan: String = plan.iter().map(|row| row.get::<_, String>(0)).collect();
    assert!(plan.contains("orders_2024_02_user_id_created_at_idx"), "{plan}");

    let before =
        count(&client, "SELECT sum(oid::bigint)::bigint FROM pg_class WHERE relkind IN ('i', 'I')").await;
    let applied = wanted.apply(&client, None, |_| {}).await.unwrap().whole().unwrap();
    assert!(applied.outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::Present)), "{applied:?}");
    let after =
        count(&client, "SELECT sum(oid::bigint)::bigint FROM pg_class WHERE relkind IN ('i', 'I')").await;
    assert_eq!(before, after, "nothing is built again");
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}

#[tokio::test]
async fn only_what_matters_counts_as_different() {
    let (_server, client) = shop().await;
    client
        .batch_execute(
            "CREATE INDEX same1 ON orders_2024_01 (created_at) WHERE status::text = ANY (ARRAY['open'::text, 'paid']);
             CREATE INDEX same2 ON users (lower((email)::text) ASC NULLS LAST);
             CREATE INDEX other1 ON users (name);
             CREATE INDEX other2 ON products (price) INCLUDE (sku);
             CREATE INDEX other3 ON products (title text_pattern_ops);
             CREATE INDEX unwanted ON products (tags);
             CREATE TABLE taken (a int); ALTER TABLE taken RENAME TO \"users_id_idx\";",
        )
        .await
        .unwrap();
    let build = |index: perfect21_db_stats::index::IndexBuilder| index.build().unwrap();
    let status = "  status   IN ('open',  'paid') -- as the shop has it";
    let wanted = Indexes::builder()
        .index(build(Index::on("orders_2024_01").key("created_at").predicate(status).name("same1")))
        .index(build(Index::on("users").key(Key::expression("lower( email )")).name("renamed")))
        .index(build(Index::on("users").key(Key::column("name").desc()).name("other1")))
        .index(build(Index::on("products").key("price").key("sku").name("other2")))
        .index(build(Index::on("products").key("title").name("other3")))
        .index(build(Index::on("users").key("id").hash().name("users_id_idx")))
        .report_extra(true)
        .build()
        .unwrap();
    let diff = wanted.diff(&client).await.unwrap();
    let states: Vec<_> = diff.entries.iter().map(|entry| &entry.state).collect();
    assert_eq!(states[0], &State::Present { name: "same1".into() });
    assert_eq!(states[1], &State::Present { name: "same2".into() });
    for state in &states[2..] {
        assert!(matches!(state, State::Different { .. }), "{diff}");
    }
    assert!(
        diff.to_string()
            .contains("different  other1 on \"public\".\"users\": CREATE INDEX other1 ON public.users"),
        "{diff}"
    );
    let extra: Vec<_> = diff.extra.iter().map(|extra| extra.name.as_str()).collect();
    assert_eq!(extra, ["unwanted"], "not those of constraints");
    let error = wanted.apply(&client, None, |_| {}).await.unwrap().whole().unwrap_err();
    assert!(error.to_string().contains("the name other1 has something else"), "{error}");
    assert_eq!(
        count(&client, "SELECT count(*) FROM pg_class WHERE relname = 'other1'").await,
        1,
        "it is left"
    );
}

#[tokio::test]
async fn hostile_and_long_names_are_kept() {
    let (_server, client) = shop().await;
    let (schema, table, column) = ("a\"; DROP TABLE users; --", "T.\"x\" 'y'\\", "É".repeat(31));
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let name = format!("{}.{}", quote(schema), quote(table));
    let sql = format!(
        "CREATE SCHEMA {}; CREATE TABLE {name} ({} int, at date) PARTITION BY RANGE (at);
        CREATE TABLE {}.{} PARTITION OF {name} DEFAULT",
        quote(schema),
        quote(&column),
        quote(schema),
        quote(&"p\"".repeat(31))
    );
    client.batch_execute(&sql).await.unwrap();
    let wanted = Indexes::builder()
        .index(Index::on((schema, table)).key(column.as_str()).build().unwrap())
        .index(
            Index::on((schema, table))
                .key(Key::expression(format!("abs({}) -- ", quote(&column))))
                .name("i\"; --")
                .build()
                .unwrap(),
        )
        .build()
        .unwrap();
    assert!(wanted.diff(&client).await.unwrap().to_string().lines().all(|line| line.starts_with("missing")));
    let _ = wanted.apply(&client, None, |_| {}).await.unwrap().whole().unwrap();
    assert!(wanted.diff(&client).await.unwrap().is_whole());
    assert_eq!(count(&client, "SELECT count(*) FROM users").await, 1000);
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}

#[tokio::test]
async fn what_does_not_fit_is_said() {
    let (server, client) = shop().await;
    client.batch_execute("CREATE VIEW v AS SELECT 1 AS a; CREATE ROLE stranger LOGIN").await.unwrap();
    let list = |index: perfect21_db_stats::index::IndexBuilder| {
        Indexes::builder().index(index.build().unwrap()).build().unwrap()
    };
    for (index, words) in [
        (Index::on("Users").key("id"), "there is no table \"public\".\"Users\""),
        (Index::on("v").key("a"), "\"public\".\"v\" is not a table"),
    ] {
        let error = list(index).diff(&client).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Unfit && error.to_string().contains(words), "{error}");
    }
    for (index, code) in [
        (Index::on("users").key("nothing"), "42703"),
        (Index::on("users").key(Key::expression("now()")), "42P17"),
        (Index::on("users").key(Key::expression("id) ; DROP TABLE users; SELECT (1")), "42601"),
        (Index::on("users").key(Key::column("id").opclass("no_ops")), "42704"),
        // A unique index of a partitioned table must have its key.
        (Index::on("orders").key("id").unique(), "0A000"),
    ] {
        let applied = list(index).apply(&client, None, |_| {}).await.unwrap();
        let error = applied.whole().unwrap_err();
        assert_eq!((error.kind(), error.code().unwrap().code()), (ErrorKind::Statement, code), "{error}");
    }
    let stranger = connect_to(&server.url().replace("postgres@", "stranger@")).await;
    let error = list(Index::on("users").key("id")).diff(&stranger).await.unwrap_err();
    assert!(error.to_string().contains("the role stranger does not own \"public\".\"users\""), "{error}");
    client.batch_execute("BEGIN").await.unwrap();
    let error = list(Index::on("users").key("id")).apply(&client, None, |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InTransaction, "{error}");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(left_behind(&client).await, [] as [String; 0]);
}

#[test]
fn descriptions_are_checked_where_they_are_built() {
    let on = || Index::on("t");
    for (builder, message) in [
        (on(), "keys = 0: must be from 1 to 32, with the included columns"),
        (on().key("a").key("b").hash(), "keys = 2: must be one with the method hash"),
        (on().key("a").hash().unique(), "unique = true: must not be with the method hash"),
        (on().key("a").gin().include("b"), "include = b: must not be with the method gin"),
        (
            on().key(Key::column("a").desc()).method(Method::Gist),
            "key = \"a\" DESC: must have no order with the method gist",
        ),
        (on().key(""), "key = \"\": must have a name that is not empty"),
        (on().key("a").predicate(" "), "predicate =  : must not be empty, nor have a zero byte"),
        (Index::on("").key("a"), "table = \"public\".\"\": must have a name that is not empty"),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    }
    let long = on().key("c".repeat(63).as_str()).build().unwrap();
    assert!(long.name().len() == 63 && long.name().ends_with("_idx"), "{}", long.name());
    let twice =
        Indexes::builder().index(on().key("a").build().unwrap()).index(on().key("a").hash().build().unwrap());
    let error = twice.build().unwrap_err().to_string();
    assert_eq!(error, "index = t_a_idx: must be one name for each index: give one of them another by `name`");
    let error = Indexes::builder().tries(0).build().unwrap_err().to_string();
    assert_eq!(error, "tries = 0: must be from 1 to 1000");
}
