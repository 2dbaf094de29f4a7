use super::*;
use crate::advisor::{
    advice::Name,
    snapshot::{Column, Columns, Snapshot, Table},
};
use std::collections::HashMap;

/// Tables `public.t (a, b, c)`, `public."T" (a, "B.b")` and `other.u (x, y)`.
fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::empty();
    let mut columns = HashMap::new();
    let mut tables = Vec::new();
    for (oid, schema, name, names) in [
        (1, "public", "t", &["a", "b", "c"][..]),
        (2, "public", "T", &["a", "B.b"]),
        (3, "other", "u", &["x", "y"]),
    ] {
        let name = Name { schema: schema.into(), name: name.into() };
        tables.push(Table { oid, name, ..Table::default() });
        let named = names.iter().zip(1..).map(|(name, number)| Column {
            number,
            name: (*name).into(),
            ..Column::default()
        });
        columns.insert(oid, named.collect());
    }
    snapshot.tables = Ok(tables);
    snapshot.columns = Ok(Columns(columns));
    snapshot.server.path = vec!["public".into()];
    snapshot
}

/// `table: equal | joined | ranges | order` of each use.
fn read(sql: &str) -> String {
    let snapshot = snapshot();
    let schema = Schema::new(&snapshot);
    let uses = uses(sql, &schema).into_iter().map(|used| {
        let list = |list: &[i64]| list.iter().map(i64::to_string).collect::<String>();
        format!(
            "{}:{}|{}|{}|{}",
            used.table,
            list(&used.equal),
            list(&used.joined),
            list(&used.ranges),
            list(&used.order)
        )
    });
    uses.collect::<Vec<_>>().join(" ")
}

#[test]
fn columns_by_which_rows_are_found() {
    for (sql, expected) in [
        ("SELECT * FROM t WHERE a = $1", "1:1|||"),
        ("select b FROM public.t AS x WHERE x.A = $1 AND x.b > $2 AND c IN ($3)", "1:13||2|"),
        ("SELECT * FROM t WHERE $1 = a AND $2 < b", "1:1||2|"),
        ("SELECT * FROM t WHERE a BETWEEN $1 AND $2 AND b = $3", "1:2||1|"),
        ("SELECT * FROM t WHERE (a = $1 AND (b = ANY ($2)))", "1:12|||"),
        ("SELECT * FROM \"T\" WHERE \"B.b\" = $1", "2:2|||"),
        ("SELECT * FROM t WHERE a = $1 ORDER BY b, c LIMIT $2", "1:1|||23"),
        ("SELECT * FROM t ORDER BY b DESC, c DESC LIMIT $1", "1:|||23"),
        ("UPDATE t SET b = $1 WHERE a = $2 RETURNING c", "1:1|||"),
        ("DELETE FROM t USING other.u x WHERE t.a = x.y AND b = $1", "1:2|1|| 3:|2||"),
        (
            "SELECT * FROM t JOIN other.u ON u.x = t.a LEFT JOIN \"T\" z ON z.a = u.x WHERE b = $1",
            "1:2|1|| 2:|1|| 3:|1||",
        ),
        ("SELECT * FROM t, other.u WHERE x = b", "1:|2|| 3:|1||"),
        ("SELECT * FROM t JOIN \"T\" USING (a)", "1:|1|| 2:|1||"),
        ("SELECT * FROM t WHERE a IN (SELECT x FROM other.u WHERE y = $1)", "1:|1|| 3:2|||"),
        ("SELECT * FROM t WHERE a = $1 UNION ALL SELECT * FROM t WHERE b = $1", "1:1||| 1:2|||"),
        ("WITH w AS (SELECT * FROM t WHERE a = $1) SELECT * FROM w WHERE b = $2", "1:1|||"),
        ("SELECT (SELECT y FROM other.u WHERE x = t.a) FROM t WHERE c = $1", "1:3||| 3:1|||"),
        ("SELECT * FROM (t JOIN other.u ON a = x) WHERE b = $1", "1:2|||"),
    ] {
        let mut seen: Vec<String> = read(sql).split(' ').map(str::to_owned).collect();
        seen.sort();
        let expected: Vec<&str> = expected.split(' ').collect();
        assert_eq!(seen, expected, "{sql}");
    }
}

#[test]
fn what_no_plain_index_finds() {
    for sql in [
        "SELECT * FROM t WHERE a = $1 OR b = $2",
        "SELECT * FROM t WHERE lower(a) = $1",
        "SELECT * FROM t WHERE a::text = $1",
        "SELECT * FROM t WHERE NOT a = $1",
        "SELECT * FROM t WHERE a = b",
        "SELECT * FROM t WHERE a + $1 = $2",
        "SELECT * FROM t WHERE a IS NULL",
        "SELECT * FROM t WHERE a <> $1",
        "SELECT * FROM u WHERE x = $1",
        "SELECT * FROM t ORDER BY a",
        "SELECT * FROM t ORDER BY lower(a) LIMIT $1",
        "SELECT extract(year FROM a) FROM f(a) WHERE b = $1",
        "INSERT INTO t VALUES ($1)",
        "SELECT * FROM t WHERE a = $1; DELETE FROM t WHERE b = $1",
        "WHERE ON AND",
        "SELECT * FROM",
        "SELECT FROM t JOIN ON USING ( ORDER LIMIT",
    ] {
        assert_eq!(read(sql), "", "{sql}");
    }
}
