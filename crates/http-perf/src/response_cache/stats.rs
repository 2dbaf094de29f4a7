use perfect21_core::{Metric, Reading, Unit, Visitor};
use perfect21_meter::Counter;

/// Why the answer to a cacheable request was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Its status is not 200, or it is a part of something.
    Status,
    /// It sets a cookie.
    SetCookie,
    /// It says `private`, `no-store`, `no-cache` or `must-understand`.
    Forbidden,
    /// Its `Cache-Control`, `Age` or `Date` cannot be read, or contradicts itself.
    Malformed,
    /// It does not say how long it may be used.
    NoLifetime,
    /// It came older than it may be used, or with a lifetime of zero.
    Stale,
    /// It depends on more than `Accept-Encoding`, or is in a coding that the client did not name.
    Vary,
    /// Its body is larger than `max_body_bytes`, or the whole larger than `max_bytes`.
    TooLarge,
    /// The bodies that are being read hold `max_filling_bytes` already.
    Busy,
    /// Its body ended with an error, before its announced length or with trailers.
    Body,
    /// The client left before the body was complete.
    ClientLeft,
    /// The same URI was changed, or the cache cleared, while it was under way.
    Overtaken,
}

impl Refusal {
    /// All reasons.
    pub const ALL: &'static [Self] = &[
        Self::Status,
        Self::SetCookie,
        Self::Forbidden,
        Self::Malformed,
        Self::NoLifetime,
        Self::Stale,
        Self::Vary,
        Self::TooLarge,
        Self::Busy,
        Self::Body,
        Self::ClientLeft,
        Self::Overtaken,
    ];

    /// The reason as a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::SetCookie => "set_cookie",
            Self::Forbidden => "forbidden",
            Self::Malformed => "malformed",
            Self::NoLifetime => "no_lifetime",
            Self::Stale => "stale",
            Self::Vary => "vary",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Body => "body",
            Self::ClientLeft => "client_left",
            Self::Overtaken => "overtaken",
        }
    }

    /// Whether the next answer will be refused like this one, so that nobody should wait for it.
    pub(super) fn will_last(self) -> bool {
        !matches!(self, Self::Busy | Self::Body | Self::ClientLeft | Self::Overtaken)
    }
}

/// What happened in a [`ResponseCache`](super::ResponseCache) since it was made, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Requests answered from the store, the coalesced ones included.
    pub hits: u64,
    /// Hits that were answered with 304, as the client had the same copy.
    pub not_modified: u64,
    /// Hits that waited for another request's answer.
    pub coalesced: u64,
    /// Requests that could have been answered from the store, and went to the service.
    pub misses: u64,
    /// Requests that are never answered from the store.
    pub bypasses: u64,
    /// Requests that waited for another's answer as long as they may, and went to the service.
    pub gave_up_waiting: u64,
    /// Answers stored.
    pub stored: u64,
    /// Requests that may have changed something, and took its stored answers away.
    pub invalidations: u64,
    /// Answers held, stale ones included that have not made room yet.
    pub entries: u64,
    /// Bytes they hold: bodies, headers, keys and the cost of an entry.
    pub bytes: u64,
    /// Bytes held by bodies that are being read.
    pub filling_bytes: u64,
    refused: [u64; Refusal::ALL.len()],
}

impl Stats {
    /// How many answers were not stored for this reason.
    #[must_use]
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused[reason as usize]
    }

    /// The share of cacheable requests that hit; `None` before the first.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a ratio of counts needs no more than 53 bits")]
    pub fn hit_rate(&self) -> Option<f64> {
        match self.hits + self.misses {
            0 => None,
            requests => Some(self.hits as f64 / requests as f64),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: Counter,
    pub(super) not_modified: Counter,
    pub(super) coalesced: Counter,
    pub(super) misses: Counter,
    pub(super) bypasses: Counter,
    pub(super) gave_up_waiting: Counter,
    pub(super) stored: Counter,
    pub(super) invalidations: Counter,
    refused: [Counter; Refusal::ALL.len()],
}

impl Counters {
    pub(super) fn refuse(&self, reason: Refusal) {
        self.refused[reason as usize].increment();
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            hits: self.hits.total(),
            not_modified: self.not_modified.total(),
            coalesced: self.coalesced.total(),
            misses: self.misses.total(),
            bypasses: self.bypasses.total(),
            gave_up_waiting: self.gave_up_waiting.total(),
            stored: self.stored.total(),
            invalidations: self.invalidations.total(),
            refused: self.refused.each_ref().map(Counter::total),
            ..Stats::default()
        }
    }
}

const fn counts(name: &'static str, help: &'static str) -> Metric {
    Metric::new(name, Unit::Count, help)
}

const HITS: Metric = counts("response_cache_hits", "Requests answered from the store.");
const NOT_MODIFIED: Metric = counts("response_cache_not_modified", "Hits answered with 304.");
const COALESCED: Metric =
    counts("response_cache_coalesced", "Hits that waited for another request's answer.");
const MISSES: Metric = counts("response_cache_misses", "Cacheable requests that went to the service.");
const BYPASSES: Metric = counts("response_cache_bypasses", "Requests never answered from the store.");
const GAVE_UP: Metric =
    counts("response_cache_gave_up_waiting", "Requests that waited too long for another's.");
const STORED: Metric = counts("response_cache_stored", "Answers stored.");
const REFUSED: Metric =
    counts("response_cache_refused", "Answers to cacheable requests not stored, by reason.");
const INVALIDATIONS: Metric =
    counts("response_cache_invalidations", "Requests that took stored answers away.");
const ENTRIES: Metric = counts("response_cache_entries", "Answers held.");
const BYTES: Metric = Metric::new("response_cache_bytes", Unit::Bytes, "Bytes of the answers held.");
const FILLING: Metric =
    Metric::new("response_cache_filling", Unit::Bytes, "Bytes held by bodies that are being read.");

#[allow(clippy::cast_precision_loss, reason = "gauges are floats; exact below 2^53")]
pub(super) fn observe(stats: &Stats, name: &str, visitor: &mut dyn Visitor) {
    let cache = ("cache", name);
    for (metric, total) in [
        (&HITS, stats.hits),
        (&NOT_MODIFIED, stats.not_modified),
        (&COALESCED, stats.coalesced),
        (&MISSES, stats.misses),
        (&BYPASSES, stats.bypasses),
        (&GAVE_UP, stats.gave_up_waiting),
        (&STORED, stats.stored),
        (&INVALIDATIONS, stats.invalidations),
    ] {
        visitor.counter(metric, &[cache], total);
    }
    for reason in Refusal::ALL {
        visitor.counter(&REFUSED, &[cache, ("reason", reason.as_str())], stats.refused(*reason));
    }
    for (metric, value) in [(&ENTRIES, stats.entries), (&BYTES, stats.bytes), (&FILLING, stats.filling_bytes)]
    {
        visitor.gauge(metric, &[cache], Reading::now(value as f64));
    }
}
