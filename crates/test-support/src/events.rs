//! The `tracing` events of the calling thread, for tests of what a crate logs.

use std::{
    fmt::{self, Debug, Display, Formatter},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tracing::{
    Dispatch, Level, Metadata, Subscriber,
    dispatcher::{self, DefaultGuard},
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::NoSubscriber,
};

/// Collects the events of the calling thread from its creation until it is dropped.
///
/// Other threads' events are not collected, so tests that log can run side by side.
///
/// # Examples
///
/// ```
/// use perfect21_test_support::events::Events;
///
/// let events = Events::of("shop");
/// tracing::warn!(target: "shop::stock", left = 3, "few are left");
/// tracing::warn!(target: "elsewhere", "not collected");
/// let seen = events.take();
/// assert_eq!(seen[0].to_string(), "WARN message=few are left left=3");
/// assert_eq!(seen[0].get("left"), Some("3"));
/// assert_eq!((seen.len(), events.take().len()), (1, 0));
/// ```
#[derive(Debug)]
#[must_use = "events are collected until this is dropped"]
pub struct Events {
    seen: Arc<Mutex<Vec<Event>>>,
    _default: DefaultGuard,
}

impl Events {
    /// Collects the events whose target starts with `target`.
    pub fn of(target: &'static str) -> Self {
        // While one dispatcher exists, `tracing-core` decides whether a callsite is enabled by the default of the thread
        // that reaches it first. A second one makes it ask all dispatchers, whichever thread comes first.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(NoSubscriber::new()));
        let seen = Arc::default();
        let collector = Dispatch::new(Collector { target, seen: Arc::clone(&seen) });
        Self { seen, _default: dispatcher::set_default(&collector) }
    }

    /// Removes and returns the events collected so far, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes the events collected so far and returns them as displayed, oldest first.
    #[must_use]
    pub fn take_lines(&self) -> Vec<String> {
        self.take().iter().map(ToString::to_string).collect()
    }
}

/// One event, displayed as `LEVEL message=… field=value`.
#[derive(Debug, Clone)]
pub struct Event {
    level: Level,
    fields: Vec<(&'static str, String)>,
}

impl Event {
    /// The event's level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The value of a field, as its `Debug` form; the text of the event is the field `message`.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, value)| value.as_str())
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

impl Visit for Event {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.push((field.name(), format!("{value:?}")));
    }
}

struct Collector {
    target: &'static str,
    seen: Arc<Mutex<Vec<Event>>>,
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(self.target)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut seen = Event { level: *event.metadata().level(), fields: Vec::new() };
        event.record(&mut seen);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
