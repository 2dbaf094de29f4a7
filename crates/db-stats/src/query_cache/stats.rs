use super::QueryCache;
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};
use perfect21_meter::Counter;
use perfect21_smart_cache::loader::LoaderStats;

/// What a [`QueryCache`] did so far, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryCacheStats {
    /// Of the cache and its loads. A value that was found and out of date counts as a hit here, and in
    /// [`outdated`](Self::outdated).
    pub loads: LoaderStats,
    /// Values that were found and no longer counted, as a table had been written.
    pub outdated: u64,
    /// Queries that were passed by the cache: they write, depend on a table that is not watched, or other writers were
    /// not heard.
    pub bypassed: u64,
    /// Of the loads, the ones that could not be kept.
    pub not_kept: u64,
    /// Writes that made values out of date, own and foreign ones.
    pub invalidations: u64,
    /// Of them, those that the server told of.
    pub heard: u64,
    /// Whether the catalog is known. Until it was read, and after a change of the schema until it was read again, each
    /// write makes all out of date.
    pub knows_schema: bool,
    /// Whether other writers are heard now; `None` if they are not to be.
    pub hears: Option<bool>,
    /// Sessions so far on which they were listened to: more than one if the connection was lost.
    pub sessions: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub outdated: Counter,
    pub bypassed: Counter,
    pub not_kept: Counter,
    pub invalidations: Counter,
    pub heard: Counter,
}

const OUTDATED: Metric =
    Metric::new("db_query_cache_outdated", Unit::Count, "Cached rows found after their table was written.");
const BYPASSED: Metric = Metric::new("db_query_cache_bypassed", Unit::Count, "Queries past the cache.");
const NOT_KEPT: Metric = Metric::new("db_query_cache_not_kept", Unit::Count, "Loads that were not kept.");
const INVALIDATIONS: Metric =
    Metric::new("db_query_cache_invalidations", Unit::Count, "Writes that made cached rows out of date.");
const HEARD: Metric = Metric::new("db_query_cache_heard", Unit::Count, "Writes that the server told of.");
const HEARS: Metric = Metric::new(
    "db_query_cache_hears",
    Unit::Count,
    "1 while other writers are heard, 0 while they are not.",
);

impl QueryCache {
    /// Where it stands; reads counters.
    #[must_use]
    pub fn stats(&self) -> QueryCacheStats {
        let source = &self.inner.source;
        let counts = &source.counts;
        let listener = source.listener.as_ref();
        QueryCacheStats {
            loads: self.inner.loader.stats(),
            outdated: counts.outdated.total(),
            bypassed: counts.bypassed.total(),
            not_kept: counts.not_kept.total(),
            invalidations: counts.invalidations.total(),
            heard: counts.heard.total(),
            knows_schema: source.knows_schema(),
            hears: listener.map(|listener| listener.epoch().is_some()),
            sessions: listener.map_or(0, |listener| listener.sessions()),
        }
    }
}

impl Observe for QueryCache {
    fn observe(&self, visitor: &mut dyn Visitor) {
        self.inner.loader.observe(visitor);
        let stats = self.stats();
        let label = [("cache", &*self.inner.name)];
        for (metric, total) in [
            (&OUTDATED, stats.outdated),
            (&BYPASSED, stats.bypassed),
            (&NOT_KEPT, stats.not_kept),
            (&INVALIDATIONS, stats.invalidations),
            (&HEARD, stats.heard),
        ] {
            visitor.counter(metric, &label, total);
        }
        if let Some(hears) = stats.hears {
            visitor.gauge(&HEARS, &label, Reading::now(f64::from(u8::from(hears))));
        }
    }
}
