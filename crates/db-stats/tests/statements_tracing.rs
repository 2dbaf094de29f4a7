//! Slow statements are warnings of `tracing`.
#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_db_stats::{Fingerprint, SlowLog, Statements};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// The events seen, by field.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Fields>>>);

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("perfect21_db_stats")
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[test]
fn a_slow_statement_is_one_warning() {
    let log = Log::default();
    let sql = "SELECT a FROM users WHERE password = 'secret'";
    tracing::subscriber::with_default(log.clone(), || {
        let statements = Statements::new(10);
        statements.start(sql).end(Ok(1));
        statements.set_slow_log(SlowLog::builder().threshold(Duration::from_nanos(1)).build().unwrap());
        statements.start(sql).end(Ok(2));
        assert_eq!(statements.slow_calls(), (1, 1));
    });
    let events = log.0.lock().unwrap();
    assert_eq!(events.len(), 1);
    let fields = &events[0].0;
    assert_eq!(fields["message"], "slow statement");
    assert_eq!(fields["sql"], "\"select a from users where password = $1\"");
    assert_eq!(fields["fingerprint"], Fingerprint::of(sql).to_string());
    assert_eq!(fields["outcome"], "Rows(2)");
    assert_eq!(fields["not_logged"], "0");
}
