//! The events of a limit. Alone in its file: who looks for events first decides for all threads whether there are any.
#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_concurrency::Limit;
use std::{
    fmt,
    sync::{Arc, Mutex},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0.trim_end().to_owned());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn changes_and_rejections_are_events() {
    let log = Log::default();
    let _kept = tracing::subscriber::set_default(log.clone());
    let limit = Limit::builder(2).name("api").max_queue(0).build().unwrap();
    limit.resize(1).unwrap();
    let _held = limit.try_acquire().unwrap();
    assert!(limit.acquire().await.is_err());
    assert_eq!(
        *log.0.lock().unwrap(),
        [
            "message=the limit changed limit=\"api\" from=2 to=1",
            "message=a call was rejected limit=\"api\" reason=too busy: 0 are waiting already",
        ]
    );
}
