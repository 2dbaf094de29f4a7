//! Which statements can leave something behind in their session.

/// What a statement may change for those who use the connection later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Changes {
    /// Settings, channels, cursors, locks, temporary tables.
    pub session: bool,
    /// Statements that were prepared as text.
    pub names: bool,
    /// Prepared statements that the connection relies on may be gone, or others be there that nobody knows.
    pub broken: bool,
}

const NAMING: [&str; 5] = ["PREPARE", "DEALLOCATE", "DISCARD", "DO", "CALL"];
const BREAKING: [&str; 2] = ["DEALLOCATE", "DISCARD"];

impl Changes {
    pub(crate) fn add(&mut self, other: Self) {
        self.session |= other.session;
        self.names |= other.names;
        self.broken |= other.broken;
    }

    pub(crate) fn any(self) -> bool {
        self.session || self.names || self.broken
    }

    /// Of one statement, by its first words and the functions that it names.
    pub(crate) fn of(sql: &str) -> Self {
        let mut words = words(sql);
        let first = words.next().unwrap_or_default();
        let is = |word: &str| first.eq_ignore_ascii_case(word);
        if NAMING.into_iter().any(is) {
            let broken = BREAKING.into_iter().any(is);
            return Self { session: true, names: true, broken };
        }
        let by_word = ["SET", "RESET", "LISTEN", "UNLISTEN", "DECLARE", "LOAD"].into_iter().any(is);
        let temporary = is("CREATE")
            && words.take(4).any(|word| {
                ["TEMP", "TEMPORARY", "pg_temp"].into_iter().any(|temp| word.eq_ignore_ascii_case(temp))
            });
        Self { session: by_word || temporary || by_function(sql), ..Self::default() }
    }

    /// Whether its first word is one of those that statements begin with that only read.
    pub(crate) fn begins_read(sql: &str) -> bool {
        let first = words(sql).next().unwrap_or_default();
        ["SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN"]
            .iter()
            .any(|word| first.eq_ignore_ascii_case(word))
    }

    /// Of a text with any number of statements.
    pub(crate) fn of_batch(sql: &str) -> Self {
        let has =
            |list: &[&str]| words(sql).any(|word| list.iter().any(|name| word.eq_ignore_ascii_case(name)));
        Self { session: true, names: has(&NAMING), broken: has(&BREAKING) }
    }
}

/// Session locks and settings by function, and tables by `SELECT … INTO TEMP`.
fn by_function(sql: &str) -> bool {
    const NEEDLES: [&str; 4] = ["set_config", "advisory_lock", "into temp", "pg_temp."];
    NEEDLES.into_iter().any(|needle| contains(sql.as_bytes(), needle.as_bytes()))
}

fn contains(text: &[u8], lower: &[u8]) -> bool {
    text.windows(lower.len()).any(|window| window.eq_ignore_ascii_case(lower))
}

/// The words of a text without its comments; what else is there is passed over.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphabetic() && c != '-' && c != '/');
            if let Some(comment) = rest.strip_prefix("--") {
                rest = comment.split_once('\n').map_or("", |(_, after)| after);
            } else if rest.starts_with("/*") {
                rest = after_comment(rest);
            } else if rest.starts_with(['-', '/']) {
                rest = &rest[1..];
            } else {
                break;
            }
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// Behind a comment, which may have others inside.
fn after_comment(text: &str) -> &str {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return &text[at..];
                }
            }
            _ => at += 1,
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::Changes;

    #[test]
    fn statements_are_known_by_their_words() {
        for (sql, session, names) in [
            ("SELECT name FROM products WHERE id = $1", false, false),
            ("UPDATE settings SET value = 1", false, false),
            ("SELECT pg_advisory_xact_lock(1)", false, false),
            ("", false, false),
            ("-- only a comment", false, false),
            ("/* never ended", false, false),
            ("SET work_mem = '1GB'", true, false),
            ("  -- why\n/* a /* nested */ comment */ set x.y = 1", true, false),
            ("reset all", true, false),
            ("LISTEN news", true, false),
            ("CREATE TEMP TABLE t (i int)", true, false),
            ("create or replace temporary view v AS SELECT 1", true, false),
            ("CREATE TABLE pg_temp.t (i int)", true, false),
            ("CREATE TABLE t (temp int)", false, false),
            ("SELECT * INTO TEMP t FROM u", true, false),
            ("SELECT pg_advisory_lock($1)", true, false),
            ("SELECT pg_try_advisory_lock_shared(7)", true, false),
            ("SELECT Set_Config('a.b', 'c', false)", true, false),
            ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", true, false),
            ("PREPARE p AS SELECT 1", true, true),
            ("DISCARD ALL", true, true),
            ("DO $$ BEGIN END $$", true, true),
            ("CALL p()", true, true),
        ] {
            let expected = Changes { session, names, broken: sql == "DISCARD ALL" };
            // A word where it could be a column's name is taken for the worse.
            let seen = Changes::of(sql);
            assert!(seen == expected || (sql.contains("(temp") && seen.session), "{sql}: {seen:?}");
        }
    }

    #[test]
    fn a_batch_always_counts_as_a_change() {
        assert_eq!(Changes::of_batch("SELECT 1"), Changes { session: true, ..Changes::default() });
        let seen = Changes::of_batch("SELECT 1; prepare p AS SELECT 1");
        assert_eq!(seen, Changes { session: true, names: true, broken: false });
        assert!(Changes::of_batch("deallocate all").broken);
    }
}
