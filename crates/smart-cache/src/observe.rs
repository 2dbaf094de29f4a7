use crate::{Cache, Stats};
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};
use std::hash::{BuildHasher, Hash};

const HITS: Metric = Metric::new("cache_hits", Unit::Count, "Lookups that found a value.");
const MISSES: Metric = Metric::new("cache_misses", Unit::Count, "Lookups that found none.");
const INSERTS: Metric = Metric::new("cache_inserts", Unit::Count, "Values put in.");
const REFUSED: Metric = Metric::new("cache_refused", Unit::Count, "Values that no room was found for.");
const EVICTIONS: Metric = Metric::new("cache_evictions", Unit::Count, "Entries that left, by cause.");
const LOADS: Metric = Metric::new("cache_loads", Unit::Count, "Loads begun.");
const LOAD_FAILURES: Metric = Metric::new("cache_load_failures", Unit::Count, "Loads that brought no value.");
const COALESCED: Metric =
    Metric::new("cache_coalesced", Unit::Count, "Misses served by another caller's load.");
const ENTRIES: Metric = Metric::new("cache_entries", Unit::Count, "Entries held.");
const BYTES: Metric = Metric::new("cache_bytes", Unit::Bytes, "Bytes held.");

impl<K: Hash + Eq + Send, V: Send, S: BuildHasher + Send + Sync> Observe for Cache<K, V, S> {
    #[allow(clippy::cast_precision_loss, reason = "gauges are floats; exact below 2^53")]
    fn observe(&self, visitor: &mut dyn Visitor) {
        let stats = self.stats();
        let cache = ("cache", self.name());
        seen(&stats, self.name(), visitor);
        for (cause, total) in [
            ("entries", stats.evicted_by_entries),
            ("bytes", stats.evicted_by_bytes),
            ("expired", stats.expired),
            ("replaced", stats.replaced),
            ("pressure", stats.trimmed),
        ] {
            visitor.counter(&EVICTIONS, &[cache, ("cause", cause)], total);
        }
        visitor.gauge(&BYTES, &[cache], Reading::now(stats.bytes as f64));
    }
}

/// What is seen of any store.
#[allow(clippy::cast_precision_loss, reason = "gauges are floats; exact below 2^53")]
pub(crate) fn seen(stats: &Stats, name: &str, visitor: &mut dyn Visitor) {
    let cache = ("cache", name);
    for (metric, total) in [
        (&HITS, stats.hits),
        (&MISSES, stats.misses),
        (&INSERTS, stats.inserts),
        (&REFUSED, stats.refused),
        (&LOADS, stats.loads),
        (&LOAD_FAILURES, stats.load_failures),
        (&COALESCED, stats.coalesced),
    ] {
        visitor.counter(metric, &[cache], total);
    }
    visitor.counter(&EVICTIONS, &[cache, ("cause", "removed")], stats.removed);
    visitor.gauge(&ENTRIES, &[cache], Reading::now(stats.entries as f64));
}
