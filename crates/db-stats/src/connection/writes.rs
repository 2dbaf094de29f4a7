//! Which tables a statement may write, by its text.

use crate::fingerprint::lexer::{Kind, Lexer, Token};
use std::sync::Arc;

/// Names of tables, without their schemas, as the catalog has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Writes {
    #[default]
    None,
    Tables(Arc<[Box<str>]>),
    /// Whatever there is.
    Any,
}

/// More of them count as any.
const MAX_TABLES: usize = 16;

/// Statements whose effect is not told by their text.
const OPAQUE: [&str; 7] = ["alter", "call", "create", "do", "drop", "execute", "import"];

impl Writes {
    /// What the text names: changes by functions that it calls are not seen, nor by triggers and foreign keys.
    pub(crate) fn of(sql: &str) -> Self {
        Scan::new(sql).writes()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        match (&*self, other) {
            (_, Self::None) | (Self::Any, _) => {}
            (Self::None, _) | (_, Self::Any) => *self = other.clone(),
            (Self::Tables(ours), Self::Tables(theirs)) => {
                if theirs.iter().all(|table| ours.contains(table)) {
                    return;
                }
                let mut all = ours.to_vec();
                all.extend(theirs.iter().filter(|table| !ours.contains(table)).cloned());
                *self = Self::from(all);
            }
        }
    }
}

impl From<Vec<Box<str>>> for Writes {
    fn from(mut tables: Vec<Box<str>>) -> Self {
        tables.sort_unstable();
        tables.dedup();
        match tables.len() {
            0 => Self::None,
            1..=MAX_TABLES => Self::Tables(tables.into()),
            _ => Self::Any,
        }
    }
}

/// Where a statement may begin: only there words are commands, as most are allowed as names elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Of the text, or behind a semicolon.
    Statement,
    /// Behind a bracket, `AS`, or what `EXPLAIN` has before its statement.
    Inner,
    Within,
}

struct Scan<'a> {
    sql: &'a str,
    lexer: Lexer<'a>,
    /// Read, and not used yet.
    next: Option<Token>,
    tables: Vec<Box<str>>,
}

impl<'a> Scan<'a> {
    fn new(sql: &'a str) -> Self {
        let mut lexer = Lexer::new(sql);
        let next = lexer.next();
        Self { sql, lexer, next, tables: Vec::new() }
    }

    fn writes(mut self) -> Writes {
        let mut place = Place::Statement;
        while let Some(token) = self.take() {
            let text = self.text(token);
            place = match token.kind {
                Kind::Symbol if text == ";" => Place::Statement,
                Kind::Symbol if matches!(text, "(" | ")") => Place::Inner,
                Kind::Word if place != Place::Within => match self.command(text, place) {
                    Some(next) => next,
                    None => return Writes::Any,
                },
                Kind::Word if is(text, "as") => Place::Inner,
                // A table made of what was selected; those of INSERT and MERGE are taken by then.
                Kind::Word if is(text, "into") => return Writes::Any,
                _ => Place::Within,
            };
            if self.tables.len() > 4 * MAX_TABLES {
                return Writes::Any;
            }
        }
        Writes::from(self.tables)
    }

    /// The first word of a statement; `None` if it may write anything.
    fn command(&mut self, word: &str, place: Place) -> Option<Place> {
        let first = place == Place::Statement;
        // What was written in a transaction that was prepared, perhaps by another session, is seen from now on.
        if first && is(word, "commit") && self.skip("prepared") {
            return None;
        }
        if first && OPAQUE.iter().any(|opaque| is(word, opaque)) {
            return None;
        }
        if ["explain", "analyze", "verbose", "materialized", "as"].into_iter().any(|before| is(word, before))
        {
            return Some(if first && !is(word, "explain") { Place::Within } else { Place::Inner });
        }
        if (is(word, "insert") || is(word, "merge")) && self.skip("into")
            || is(word, "delete") && self.skip("from")
            || is(word, "update") && self.peek_is_name()
            // Where it is read from, it counts as written: rare, and on the safe side.
            || first && is(word, "copy") && self.peek_is_name()
        {
            self.table()?;
        } else if first && is(word, "truncate") {
            self.skip("table");
            self.table()?;
            while self.skip_symbol("*") || self.skip_symbol(",") {
                if self.peek_is_name() {
                    self.table()?;
                }
            }
        } else if first && is(word, "refresh") {
            self.skip("materialized");
            self.skip("view");
            self.skip("concurrently");
            self.table()?;
        }
        Some(Place::Within)
    }

    /// A name with or without its schema; `None` where it is written in a way that is not read here.
    fn table(&mut self) -> Option<()> {
        self.skip("only");
        let mut name = self.name()?;
        while self.skip_symbol(".") {
            name = self.name()?;
        }
        self.tables.push(name);
        Some(())
    }

    fn name(&mut self) -> Option<Box<str>> {
        let token = self.take()?;
        let text = self.text(token);
        match token.kind {
            Kind::Word => Some(text.to_ascii_lowercase().into()),
            Kind::Quoted => Some(text.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\"").into()),
            Kind::Constant | Kind::Symbol => None,
        }
    }

    fn peek_is_name(&self) -> bool {
        self.next.is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Quoted))
    }

    fn skip(&mut self, word: &str) -> bool {
        let found = self.next.is_some_and(|token| token.kind == Kind::Word && is(self.text(token), word));
        if found {
            self.take();
        }
        found
    }

    fn skip_symbol(&mut self, symbol: &str) -> bool {
        let found = self.next.is_some_and(|token| token.kind == Kind::Symbol && self.text(token) == symbol);
        if found {
            self.take();
        }
        found
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.next?;
        self.next = self.lexer.next();
        Some(token)
    }

    fn text(&self, token: Token) -> &'a str {
        self.sql.get(token.start..token.end).unwrap_or_default()
    }
}

fn is(word: &str, keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword)
}

#[cfg(test)]
mod tests {
    use super::Writes;

    fn tables(names: &[&str]) -> Writes {
        Writes::from(names.iter().map(|name| Box::from(*name)).collect::<Vec<_>>())
    }

    #[test]
    fn tables_are_known_by_the_text() {
        for (sql, expected) in [
            ("", &[][..]),
            ("SELECT * FROM products WHERE id = $1", &[]),
            ("SELECT * FROM t WHERE id = 1 FOR UPDATE", &[]),
            ("SELECT * FROM t FOR NO KEY UPDATE OF t NOWAIT", &[]),
            ("SELECT update, delete, a.insert FROM t WHERE (update, x) = (1, 2)", &[]),
            ("SELECT 'insert into t', $$ delete from t $$ -- update t\n FROM u", &[]),
            ("BEGIN; COMMIT", &[]),
            ("insert into Products(id) values (1)", &["products"]),
            ("INSERT INTO shop.\"Pro\"\"ducts\" SELECT 1", &["Pro\"ducts"]),
            ("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 2", &["t"]),
            ("UPDATE ONLY a.b.c SET x = 1", &["c"]),
            ("UPDATE t * SET x = 1", &["t"]),
            ("DELETE FROM ONLY t USING u WHERE t.id = u.id RETURNING *", &["t"]),
            (
                "MERGE INTO t USING u ON (a = b) WHEN MATCHED THEN UPDATE SET x = 1 WHEN NOT MATCHED THEN DELETE",
                &["t"],
            ),
            (
                "WITH gone AS (DELETE FROM a RETURNING id), x AS MATERIALIZED (UPDATE b SET i = 1) INSERT INTO c TABLE gone",
                &["a", "b", "c"],
            ),
            ("WITH x(a) AS (SELECT 1) UPDATE t SET a = x.a FROM x", &["t"]),
            ("EXPLAIN (ANALYZE, VERBOSE) DELETE FROM t", &["t"]),
            ("EXPLAIN ANALYZE VERBOSE UPDATE t SET a = 1", &["t"]),
            ("PREPARE p AS INSERT INTO t VALUES ($1)", &["t"]),
            ("TRUNCATE TABLE ONLY a, b.c *, \"D\" RESTART IDENTITY CASCADE", &["D", "a", "c"]),
            ("COPY t (a, b) FROM STDIN", &["t"]),
            ("COPY (DELETE FROM t RETURNING *) TO STDOUT", &["t"]),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY s.v", &["v"]),
            ("SELECT 1; UPDATE t SET a = 1; SELECT 2", &["t"]),
            ("/* first */ insert /* then */ into -- the table\n t values (1)", &["t"]),
        ] {
            assert_eq!(Writes::of(sql), tables(expected), "{sql}");
        }
    }

    #[test]
    fn what_no_text_tells_is_anything() {
        for sql in [
            "CALL p()",
            "DO $$ BEGIN END $$",
            "COMMIT PREPARED 'x'",
            "ALTER TABLE t ADD a int",
            "drop table t",
            "CREATE VIEW v AS SELECT 1",
            "SELECT 1; EXECUTE p",
            "SELECT * INTO t FROM u",
            "INSERT INTO U&\"d\\0061t\" VALUES (1)",
            "DELETE FROM",
        ] {
            assert_eq!(Writes::of(sql), Writes::Any, "{sql}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_and_a_write_within_is_seen(before in ".{0,60}", table in "[a-z_][a-z0-9_]{0,20}") {
            let _ = Writes::of(&before);
            // Behind whatever ends within itself.
            let whole = !before.contains(['\'', '"', '$', '/', '-', '*']);
            let sql = format!("SELECT ({}) FROM x; UPDATE {table}_t SET a = 1", if whole { &before } else { "1" });
            let seen = Writes::of(&sql);
            let name = format!("{table}_t");
            let found = match &seen {
                Writes::Any => true,
                Writes::Tables(tables) => tables.iter().any(|table| **table == *name),
                Writes::None => false,
            };
            proptest::prop_assert!(found, "{sql}: {seen:?}");
        }
    }

    #[test]
    fn they_add_up_and_are_bounded() {
        let mut writes = Writes::None;
        writes.add(&Writes::of("UPDATE b SET x = 1"));
        writes.add(&Writes::of("UPDATE a SET x = 1"));
        writes.add(&Writes::of("UPDATE b SET x = 1"));
        assert_eq!(writes, tables(&["a", "b"]));
        for n in 0..20 {
            writes.add(&Writes::of(&format!("UPDATE t{n} SET x = 1")));
        }
        assert_eq!(writes, Writes::Any);
        writes.add(&Writes::of("UPDATE b SET x = 1"));
        assert_eq!(writes, Writes::Any);
    }
}
