//! Slow statements are warnings of `tracing`.
#![cfg(feature = "tracing")]

use perfect21_db_stats::{Fingerprint, SlowLog, Statements};
use perfect21_test_support::events::Events;
use std::time::Duration;
use tracing::Level;

#[test]
fn a_slow_statement_is_one_warning() {
    let events = Events::of("perfect21_db_stats");
    let sql = "SELECT a FROM users WHERE password = 'secret'";
    let statements = Statements::new(10);
    statements.start(sql).end(Ok(1));
    statements.set_slow_log(SlowLog::builder().threshold(Duration::from_nanos(1)).build().unwrap());
    statements.start(sql).end(Ok(2));
    assert_eq!(statements.slow_calls(), (1, 1));
    let seen = events.take();
    assert_eq!(seen.len(), 1);
    let event = &seen[0];
    assert_eq!(event.level(), Level::WARN);
    assert_eq!(event.get("message"), Some("slow statement"));
    assert_eq!(event.get("sql"), Some("\"select a from users where password = $1\""));
    assert_eq!(event.get("fingerprint"), Some(&*Fingerprint::of(sql).to_string()));
    assert_eq!(event.get("outcome"), Some("Rows(2)"));
    assert_eq!(event.get("not_logged"), Some("0"));
}
