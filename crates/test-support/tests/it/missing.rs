//! A server that is not installed is an error whose sentence mends it; no error says its cause twice.

use std::error::Error as _;

use crate::common::{helper, is_helper};
use perfect21_test_support::{Error, ErrorKind, postgres::Postgres, redis::Redis};
use tempfile::TempDir;

/// Not a test by itself: it says how both servers fail to start.
#[test]
#[allow(clippy::print_stdout, reason = "the way to tell the parent")]
fn helper_process() {
    if is_helper() {
        let errors: [Error; 2] = [Postgres::start().unwrap_err(), Redis::start().unwrap_err()];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Missing);
            assert!(error.source().is_none());
            println!("\nSAID {error}");
        }
    }
}

fn said(variables: &[(&str, &str)]) -> Vec<String> {
    let output = helper("missing").envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.lines().filter_map(|line| line.strip_prefix("SAID ")).map(str::to_owned).collect()
}

#[test]
fn an_empty_directory_in_the_variable_is_named() {
    let empty = TempDir::new().unwrap();
    let dir = empty.path().to_str().unwrap();
    let said = said(&[("PERFECT21_POSTGRES_BIN", dir), ("PERFECT21_REDIS_BIN", dir)]);
    assert_eq!(
        said,
        [
            format!(
                "no PostgreSQL server binaries found (looked in PERFECT21_POSTGRES_BIN={dir}): run ./scripts/test once, \
                 or install the package postgresql, or set PERFECT21_POSTGRES_BIN"
            ),
            format!(
                "no redis-server found (looked in PERFECT21_REDIS_BIN={dir}): run ./scripts/test once, \
                 or install the package redis-server, or set PERFECT21_REDIS_BIN"
            ),
        ]
    );
}

#[test]
fn where_redis_was_looked_for_without_a_variable_is_named() {
    let empty = TempDir::new().unwrap();
    let dir = empty.path().to_str().unwrap();
    let said = said(&[("PERFECT21_POSTGRES_BIN", dir), ("PERFECT21_REDIS_BIN", ""), ("PATH", dir)]);
    assert!(said[1].starts_with("no redis-server found (looked in PATH): run ./scripts/test"), "{said:?}");
}

#[test]
fn no_error_repeats_its_source() {
    let nobody = Redis::start().unwrap();
    nobody.stop().unwrap();
    let error = nobody.command(&["PING"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let source = error.source().unwrap().to_string();
    assert!(source.contains("refused"), "{source}");
    assert!(!error.to_string().contains(&source), "{error}");
}
