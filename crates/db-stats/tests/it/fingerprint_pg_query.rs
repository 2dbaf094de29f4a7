//! Which statements are one, compared with PostgreSQL's own parser (`pg_query`, by its Python package pglast, which
//! `scripts/test install` puts into `target/tools`).

use perfect21_db_stats::Fingerprint;
use std::{
    collections::HashMap,
    fmt::Write as _,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// A line of JSON in, a line out: the fingerprint, or what the parser says.
const SCRIPT: &str = "
import json, sys
from pglast.parser import fingerprint
for line in sys.stdin:
    try:
        print('ok ' + fingerprint(json.loads(line)))
    except Exception as error:
        print('error ' + str(error).replace('\\n', ' '))
";

/// What the server's parser makes of each.
fn pg_query(statements: &[String]) -> Vec<String> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/python");
    assert!(python.exists(), "pglast is missing: run ./scripts/test install");
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = String::new();
    for sql in statements {
        let escaped = sql.chars().fold(String::new(), |mut text, letter| {
            match letter {
                '"' | '\\' => write!(text, "\\{letter}").unwrap(),
                letter if letter < ' ' => write!(text, "\\u{:04x}", letter as u32).unwrap(),
                letter => text.push(letter),
            }
            text
        });
        writeln!(lines, "\"{escaped}\"").unwrap();
    }
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), statements.len(), "pglast is missing or broken: run ./scripts/test install");
    answers
        .into_iter()
        .zip(statements)
        .map(|(answer, sql)| {
            let fingerprint = answer.strip_prefix("ok ");
            fingerprint.unwrap_or_else(|| panic!("the server does not read {sql:?}: {answer}")).to_owned()
        })
        .collect()
}

/// Writes statements at random, out of few enough pieces that many come again.
struct Author(fastrand::Rng);

impl Author {
    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.0.usize(..of.len())]
    }

    /// A constant, with what lexers trip over inside.
    fn constant(&mut self) -> String {
        match self.0.u32(..11) {
            0 => self.0.i32(..).to_string(),
            1 => format!("{}.{}e-{}", self.0.u16(..), self.0.u16(..), self.0.u8(1..9)),
            2 => "'it''s; -- no comment /* either'".to_owned(),
            3 => "E'a\\'b\\\\'".to_owned(),
            4 => "$tag$ ' \" $$ $x$ $tag$".to_owned(),
            5 => "'ä\n\"ö'".to_owned(),
            6 => ".5".to_owned(),
            7 => "- 7".to_owned(),
            8 => format!("${}", self.0.u8(1..20)),
            9 => "'one'\n  'more'".to_owned(),
            _ => "U&'d\\0061t'".to_owned(),
        }
    }

    fn list(&mut self, most: usize) -> String {
        let all: Vec<_> = (0..self.0.usize(1..=most)).map(|_| self.constant()).collect();
        all.join(self.pick(&[",", ", ", " ,\n", ", /* , */ "]))
    }

    fn space(&mut self) -> &'static str {
        self.pick(&[" ", "  ", "\n", "\t", " /* a /* nested */ one */ ", " -- '\n"])
    }

    fn column(&mut self) -> &'static str {
        self.pick(&["id", "name", "\"Odd name\"", "t.id"])
    }

    fn condition(&mut self) -> String {
        let column = self.column();
        match self.0.u32(..8) {
            // With these columns and operators alone: the server's parser takes a cast for none, and IN for =.
            0 => format!("price IN ({})", self.list(5)),
            1 => format!("{column} BETWEEN {} AND {}", self.constant(), self.constant()),
            2 => format!("{column} IS NOT NULL"),
            3 => format!("lower({column}) LIKE {}", self.constant()),
            // A cast comes before a sign.
            4 => format!("{column} ~ {}::text", self.constant().trim_start_matches(['-', ' '])),
            _ => format!("{column} {} {}", self.pick(&["=", "<", ">=", "<>"]), self.constant()),
        }
    }

    /// In one order only: to the server's parser it is no matter.
    fn conditions(&mut self) -> String {
        let first = self.condition();
        if self.0.bool() {
            return first;
        }
        format!(
            "{first}{}day {} {}",
            self.pick(&[" AND ", " and ", "\nAND\t"]),
            self.pick(&["=", ">"]),
            self.constant()
        )
    }

    fn statement(&mut self) -> String {
        let table = self.pick(&["t", "u", "\"T\""]);
        let space = self.space();
        let sql = match self.0.u32(..6) {
            0 => format!("INSERT INTO {table} (id, name){space}VALUES {}", self.rows()),
            1 => format!("UPDATE {table} SET name = {}{space}WHERE {}", self.constant(), self.conditions()),
            2 => format!("DELETE FROM {table}{space}WHERE {}", self.conditions()),
            3 => format!("SELECT{space}count(*) FROM {table} WHERE {}", self.conditions()),
            _ => {
                let (order, limit) = (self.pick(&["", " ORDER BY id", " ORDER BY id DESC"]), self.constant());
                format!(
                    "SELECT {}{space}FROM {table} WHERE {}{order} LIMIT {limit}",
                    self.column(),
                    self.conditions()
                )
            }
        };
        match self.0.u32(..4) {
            0 => sql.replace("SELECT", "select").replace("WHERE", "Where"),
            1 => format!("{sql};"),
            2 => format!("/* first */{sql}"),
            _ => sql,
        }
    }

    fn rows(&mut self) -> String {
        let rows: Vec<_> =
            (0..self.0.usize(1..4)).map(|_| format!("({}, {})", self.constant(), self.constant())).collect();
        rows.join(", ")
    }
}

#[test]
fn the_servers_own_parser_tells_the_same_ones_apart() {
    for seed in 0..4 {
        let mut author = Author(fastrand::Rng::with_seed(seed));
        let statements: Vec<String> = (0..5000).map(|_| author.statement()).collect();
        let theirs = pg_query(&statements);
        let (mut by_ours, mut by_theirs) = (HashMap::new(), HashMap::new());
        for (sql, theirs) in statements.iter().zip(&theirs) {
            let ours = Fingerprint::of(sql);
            let (first, their_first) = by_ours.entry(ours).or_insert((sql, theirs));
            assert_eq!(theirs, *their_first, "one of ours, two of theirs:\n{sql}\n{first}");
            let (first, our_first) = by_theirs.entry(theirs).or_insert((sql, ours));
            assert_eq!(ours, *our_first, "two of ours, one of theirs:\n{sql}\n{first}");
        }
        assert!(by_ours.len() > 500 && by_ours.len() < 4500, "{} of 5000", by_ours.len());
    }
}

/// Where we differ on purpose: a sign belongs to its number here, whichever it is.
#[test]
fn what_is_one_here_only() {
    let (plus, none) = ("SELECT * FROM t WHERE id = +3", "SELECT * FROM t WHERE id = 3");
    let theirs = pg_query(&[plus.to_owned(), none.to_owned()]);
    assert_ne!(theirs[0], theirs[1]);
    assert_eq!(Fingerprint::of(plus), Fingerprint::of(none));
}

/// Where we differ on purpose: what is one for the server's parser and not for us.
#[test]
fn what_is_told_apart_here_only() {
    for (one, other) in [
        // Two tables may be asked quite differently; that a number in their name tells them apart is not for us to say.
        ("SELECT * FROM orders_2024_01", "SELECT * FROM orders_2024_02"),
        ("SELECT * FROM t WHERE id IN (1)", "SELECT * FROM t WHERE id = ANY($1)"),
        ("SELECT * FROM t WHERE id IN (1)", "SELECT * FROM t WHERE id = 1"),
        ("SELECT * FROM t WHERE id = 1::int", "SELECT * FROM t WHERE id = 1"),
        ("SELECT * FROM t WHERE a = 1 AND b = 2", "SELECT * FROM t WHERE b = 1 AND a = 2"),
        ("INSERT INTO a.t VALUES (1)", "INSERT INTO b.t VALUES (1)"),
        ("SELECT id AS a FROM t", "SELECT id AS b FROM t"),
        ("SELECT * FROM t WHERE a = NULL", "SELECT * FROM t WHERE a = 1"),
    ] {
        let theirs = pg_query(&[one.to_owned(), other.to_owned()]);
        assert_eq!(theirs[0], theirs[1], "{one}, {other}");
        assert_ne!(Fingerprint::of(one), Fingerprint::of(other), "{one}, {other}");
    }
}
