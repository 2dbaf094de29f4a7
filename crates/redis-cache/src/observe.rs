use crate::{Cache, RedisCache};
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};

const CONNECTED: Metric =
    Metric::new("redis_connected", Unit::Ratio, "1 while there is a connection, else 0.");
const HITS: Metric = Metric::new("redis_cache_hits", Unit::Count, "Lookups that found a value.");
const MISSES: Metric = Metric::new("redis_cache_misses", Unit::Count, "Lookups that found none.");
const SETS: Metric = Metric::new("redis_cache_sets", Unit::Count, "Values set.");
const REMOVES: Metric = Metric::new("redis_cache_removes", Unit::Count, "Removals confirmed.");
const LOADS: Metric = Metric::new("redis_cache_loads", Unit::Count, "Loads begun.");
const LOAD_FAILURES: Metric =
    Metric::new("redis_cache_load_failures", Unit::Count, "Loads that brought no value.");
const COALESCED: Metric =
    Metric::new("redis_cache_coalesced", Unit::Count, "Misses served by another caller's load.");
const OVERTAKEN: Metric =
    Metric::new("redis_cache_overtaken", Unit::Count, "Loaded values that a write overtook.");
const ERRORS: Metric = Metric::new("redis_cache_errors", Unit::Count, "Failed commands, by kind.");
const REJECTED: Metric =
    Metric::new("redis_cache_rejected", Unit::Count, "Bytes that were no value of the cache, by reason.");

impl Observe for RedisCache {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let connected = if self.core.transport.is_connected() { 1.0 } else { 0.0 };
        visitor.gauge(&CONNECTED, &[("namespace", self.namespace())], Reading::now(connected));
        self.core.transport.observe(visitor);
    }
}

impl<K: ?Sized, V: Send> Observe for Cache<K, V> {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let stats = self.stats();
        let cache = ("cache", self.name());
        for (metric, total) in [
            (&HITS, stats.hits),
            (&MISSES, stats.misses),
            (&SETS, stats.sets),
            (&REMOVES, stats.removes),
            (&LOADS, stats.loads),
            (&LOAD_FAILURES, stats.load_failures),
            (&COALESCED, stats.coalesced),
            (&OVERTAKEN, stats.overtaken),
        ] {
            visitor.counter(metric, &[cache], total);
        }
        for (kind, total) in stats.errors.by_name() {
            visitor.counter(&ERRORS, &[cache, ("kind", kind)], total);
        }
        for (reason, total) in stats.rejected.by_name() {
            visitor.counter(&REJECTED, &[cache, ("reason", reason)], total);
        }
    }
}
