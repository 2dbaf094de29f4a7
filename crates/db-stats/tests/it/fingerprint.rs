//! Which statements are one, which are not, and that no text is too odd.

use perfect21_db_stats::{Fingerprint, MAX_NORMALIZED, normalize};
use proptest::prelude::*;
use std::collections::HashSet;

/// A normal form, and the texts that have it.
const ONE: &[(&str, &[&str])] = &[
    (
        "select name from products where id = $1",
        &[
            "SELECT name FROM products WHERE id = $1",
            "select  NAME\nfrom Products\twhere id=7;",
            "select name from products where id = -7",
            "select name from products where id = - 7 ;;",
            "select name from products where id=+7.5e-3",
            "select name from products where id = 'it''s'",
            "select name from products where id = E'it\\'s; -- no comment'",
            "select name from products where id = $tag$ $$ ' $tag$",
            "select name from products where id = B'0101'",
            "select name from products where id = x'1F'",
            "select name from products where id = U&'\\0061'",
            "select name from products where id = 'one'\n  'string'",
            "/* shop */ select name -- the name\nfrom products where id = /* a /* nested */ one */ 0x1F",
        ],
    ),
    (
        "select * from t where id in ($1) and x = $2",
        &[
            "select * from t where id in (1) and x = 1",
            "select * from t where id in (1, 2, 3) and x = 1",
            "select * from t where id in ($1,$2) and x = $3",
            "select * from t where id in (-1, NULL, 'x', true) and x = 1",
        ],
    ),
    (
        "select * from t where (a, b) in (($1, $2))",
        &[
            "SELECT * FROM t WHERE (a, b) IN ((1, 2))",
            "SELECT * FROM t WHERE (a, b) IN ((1,2), (3,4),(5, 6))",
        ],
    ),
    (
        "insert into t(a, b) values ($1, $2) on conflict do nothing",
        &[
            "INSERT INTO t (a, b) VALUES (1, 'x') ON CONFLICT DO NOTHING",
            "INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL), (DEFAULT, $3) ON CONFLICT DO NOTHING",
        ],
    ),
    (
        "insert into t values ($1, now())",
        &["insert into t values (1, now()), (2, now());", "insert into t values (1, now())"],
    ),
    (
        "select * from (values ($1)) as v where k = any(array[$2::int])",
        &[
            "select * from (values (1), (2)) as v where k = any(array[1::int, 2::int])",
            "select * from (values (1)) as v where k = any(ARRAY[1::INT])",
        ],
    ),
    ("select array[[$1]]", &["select array[[1, 2], [3, 4]]", "select array[[1]]", "select array[[1],[2,3]]"]),
    ("select a - $1, a -> $2 ->> $3", &["select a - 1, a -> 'x' ->> 'y'", "select a -1, a->2->>'y'"]),
    ("select count(*), t.* from t limit $1", &["SELECT COUNT(*), t.* FROM t LIMIT 10"]),
    ("select $1::date, date $2, data ? $3", &["select '2024-01-01'::date, date '2024-01-01', data ? 'key'"]),
    (
        "select straße from \"Großer Tisch\" where x = $1",
        &["SELECT straße FROM \"Großer Tisch\" WHERE x = 'ä'"],
    ),
    // Not SQL, but rows end at it, sign or not.
    ("values (), $1", &["VALUES (),-1", "values (), 1", "values (), 'x'"]),
    ("begin; commit", &["BEGIN; COMMIT;", "begin;commit"]),
    ("", &["", ";", "-- nothing", "/* nothing"]),
];

#[test]
fn statements_that_differ_in_constants_are_one() {
    for (normal, variants) in ONE {
        for variant in *variants {
            assert_eq!(normalize(variant), *normal, "{variant}");
            assert_eq!(Fingerprint::of(variant), Fingerprint::of(normal), "{variant}");
        }
    }
}

#[test]
fn statements_that_do_something_else_are_not_one() {
    let different = [
        "select name from products where id = 1",
        "select name from product where id = 1",
        "select name from products where id = 1 and true",
        "select name from products where id > 1",
        "select name from products where id is null",
        "select name from products where id is true",
        "select name from products where id = - a",
        "select name from products where id = a",
        "select name from \"products\" where id = 1",
        "select name from \"Products\" where id = 1",
        "select name from \"PRODUCTS\" where id = 1",
        "select name from products where id in (1)",
        "select name from products where id in (a)",
        "select name from products where id in (a, b)",
        "select name from products where id in (1, a)",
        "select name from products where id in (select 1)",
        "select name from products where id in (select a, 1)",
        "select name from products where f(1) = id",
        "select name from products where f(1, 2) = id",
        "select name from products where id = 1::int",
        "select name from products where id = 1::bigint",
        "select name from products where id = array[1]",
        "select name from products where id = array[[1]]",
        "select name from products_2024_01 where id = 1",
        "select name from products_2024_02 where id = 1",
        "select name, id from products",
        "select nameid from products",
        "select name id from products",
        "insert into t values (1)",
        "insert into t values (1, 2)",
        "insert into t values (1), (a)",
        "insert into t values (1) returning a",
        "a_name_of_more_than_sixteen_letters",
        "a_name_of_more_than_sixteen_letterz",
        "select 1 - 1",
        "select 1 + 1",
    ];
    for (n, one) in different.iter().enumerate() {
        for other in &different[..n] {
            assert_ne!(Fingerprint::of(one), Fingerprint::of(other), "{one}\n{other}");
            assert_ne!(normalize(one), normalize(other), "{one}\n{other}");
        }
    }
}

#[test]
fn many_statements_have_as_many_fingerprints() {
    let names = (0..50_000).map(|n| format!("select a from t{n}"));
    let columns = (0..50_000).map(|n| format!("select column_of_some_length_{n}_{} from t", n % 7));
    let short = ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("{a} {b}")));
    let long = (0..200).flat_map(|n| (0..200).map(move |m| format!("{} {}", "x ".repeat(n), "y ".repeat(m))));
    let texts: HashSet<_> =
        names.chain(columns).chain(short).chain(long).map(|sql| normalize(&sql)).collect();
    let fingerprints: HashSet<_> = texts.iter().map(|sql| Fingerprint::of(sql)).collect();
    assert!(texts.len() > 140_000);
    assert_eq!(fingerprints.len(), texts.len());
    // Each bit is as often set as not, so that any part of it spreads them.
    for bit in 0..64 {
        let set = fingerprints.iter().filter(|fingerprint| fingerprint.get() >> bit & 1 == 1).count();
        let share = set as f64 / fingerprints.len() as f64;
        assert!((share - 0.5).abs() < 0.01, "bit {bit}: {share}");
    }
}

#[test]
fn a_long_text_is_cut_and_says_where() {
    let columns: Vec<_> = (0..400).map(|n| format!("column_{n}")).collect();
    let sql = format!("SELECT {} FROM t", columns.join(", "));
    let text = normalize(&sql);
    assert!(text.len() <= MAX_NORMALIZED, "{} bytes", text.len());
    let (kept, note) = text.split_once(" /* cut at byte ").unwrap();
    let byte: usize = note.strip_suffix(&format!(" of {} */", sql.len())).unwrap().parse().unwrap();
    assert_eq!(kept, sql[..byte].trim_end().to_lowercase());
    // What is cut off counts all the same.
    assert_ne!(Fingerprint::of(&sql), Fingerprint::of(&sql.replace("column_399", "column_398")));

    let constants: Vec<_> = (0..100_000).map(|n| n.to_string()).collect();
    let sql = format!("SELECT a FROM t WHERE id IN ({})", constants.join(","));
    assert_eq!(normalize(&sql), "select a from t where id in ($1)", "a long list is no long text");
}

#[test]
fn odd_texts_take_linear_time() {
    // Quadratic time would need hours for these.
    for piece in [
        "$a", "$a$", "/*", "'", "''\n", "(", "in(", "array[", "values(", "-", "- -", "\"", "((),", "'\n",
        "E'\\", "$",
    ] {
        let sql = piece.repeat(1_000_000 / piece.len());
        let _ = (Fingerprint::of(&sql), normalize(&sql));
    }
}

/// Pieces that lexers trip over.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "select", "IN", "in (", "values", "VALUES (", "array[", "(", ")", "[", "]", ",", ";", ".", "..",
            "::", ":", "-", "+", "-1", "1.", ".5", "1e5", "e'", "'", "''", "\"", "\"a\"", "$1", "$", "$$",
            "$a$", "--", "/*", "*/", "\n", " ", "null", "default", "true", "E'\\'", "U&'", "U&\"", "?", "@-",
            "a", "is", "ä", "_x", "\\", "0x",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_text_its_normal_form_has_its_fingerprint(sql in pieces()) {
        let text = normalize(&sql);
        prop_assert!(text.len() <= MAX_NORMALIZED);
        if !text.contains("/* cut at byte ") {
            prop_assert_eq!(Fingerprint::of(&text), Fingerprint::of(&sql), "{}", text);
            prop_assert_eq!(normalize(&text), text);
        }
    }

    #[test]
    fn any_text_is_taken(sql in ".{0,300}") {
        let text = normalize(&sql);
        if !text.contains("/* cut at byte ") {
            prop_assert_eq!(Fingerprint::of(&text), Fingerprint::of(&sql), "{}", text);
        }
    }

    #[test]
    fn constants_case_and_space_do_not_count(
        table in "[a-z_][a-z0-9_]{0,12}",
        number in any::<f64>().prop_filter("a number", |n| n.is_finite()),
        text in "[^'\u{0}]{0,30}",
        ids in proptest::collection::vec(any::<i64>(), 1..20),
        space in "[ \t\r\n]{1,4}",
        comment in "[^*/]{0,10}",
    ) {
        let ids: Vec<_> = ids.iter().map(i64::to_string).collect();
        let plain = format!("select a from {table}_t where b = 1 and c = 'x' and d in (1) limit 1");
        let other = format!(
            "SELECT a FROM {}_T WHERE b = {number:e} AND c = '{text}' AND d IN ({}) LIMIT 5",
            table.to_uppercase(), ids.join(", "),
        );
        prop_assert_eq!(Fingerprint::of(&plain), Fingerprint::of(&other), "{}", other);
        let spaced = plain.replace(' ', &format!("{space}/*{comment}*/"));
        prop_assert_eq!(Fingerprint::of(&plain), Fingerprint::of(&spaced), "{}", spaced);
    }

    #[test]
    fn names_count(one in "[a-z_]{1,20}", two in "[a-z_]{1,20}") {
        prop_assume!(one != two);
        let sql = |table: &str| format!("select * from x{table} where id = 1");
        prop_assert_ne!(Fingerprint::of(&sql(&one)), Fingerprint::of(&sql(&two)));
    }
}
