use crate::{Cache, NearStats, RedisCache};
use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};

const CONNECTED: Metric =
    Metric::new("redis_connected", Unit::Ratio, "1 while there is a connection, else 0.");
const NEAR_OPEN: Metric = Metric::new(
    "redis_near_open",
    Unit::Ratio,
    "1 while changes are heard of, so that what is held counts; else 0.",
);
const NEAR_ENTRIES: Metric =
    Metric::new("redis_near_entries", Unit::Count, "Entries and versions that this process holds.");
const NEAR_BYTES: Metric =
    Metric::new("redis_near_bytes", Unit::Bytes, "Bytes of the entries that it holds.");
const NEAR_EVICTED: Metric =
    Metric::new("redis_near_evicted", Unit::Count, "Held entries that others needed the room of.");
const NEAR_LOST: Metric = Metric::new(
    "redis_near_lost",
    Unit::Count,
    "What made held entries void: a change of one, a flush of all keys, a lost connection.",
);
const HITS: Metric = Metric::new("redis_cache_hits", Unit::Count, "Lookups that found a value, by tier.");
const ABSENT: Metric =
    Metric::new("redis_cache_absent", Unit::Count, "Lookups that found that there is nothing.");
const MISSES: Metric = Metric::new("redis_cache_misses", Unit::Count, "Lookups that found none.");
const STALE: Metric =
    Metric::new("redis_cache_stale", Unit::Count, "Values answered though their time was over.");
const SETS: Metric = Metric::new("redis_cache_sets", Unit::Count, "Values set.");
const REMOVES: Metric = Metric::new("redis_cache_removes", Unit::Count, "Removals confirmed.");
const LOADS: Metric = Metric::new("redis_cache_loads", Unit::Count, "Loads begun.");
const LOAD_FAILURES: Metric =
    Metric::new("redis_cache_load_failures", Unit::Count, "Loads that brought no value.");
const REFRESHES: Metric =
    Metric::new("redis_cache_refreshes", Unit::Count, "Loads begun before a value's time was over.");
const COALESCED: Metric =
    Metric::new("redis_cache_coalesced", Unit::Count, "Misses served by another caller's load.");
const LEASE_WAITS: Metric =
    Metric::new("redis_cache_lease_waits", Unit::Count, "Loads that waited for another process.");
const OVERTAKEN: Metric =
    Metric::new("redis_cache_overtaken", Unit::Count, "Loaded values that a write overtook.");
const OUTDATED: Metric = Metric::new(
    "redis_cache_outdated",
    Unit::Count,
    "Entries found that a clear or a tag had made out of date.",
);
const BYTES_READ: Metric = Metric::new("redis_cache_bytes_read", Unit::Bytes, "Bytes of entries read.");
const BYTES_WRITTEN: Metric =
    Metric::new("redis_cache_bytes_written", Unit::Bytes, "Bytes of entries written.");
const ERRORS: Metric = Metric::new("redis_cache_errors", Unit::Count, "Failed commands, by kind.");
const REJECTED: Metric =
    Metric::new("redis_cache_rejected", Unit::Count, "Bytes that were no value of the cache, by reason.");
const DURATION: Metric =
    Metric::new("redis_cache_duration", Unit::Seconds, "How long the server or a load took, by operation.");

impl Observe for RedisCache {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let connected = if self.core.backend.is_connected() { 1.0 } else { 0.0 };
        visitor.gauge(&CONNECTED, &[("namespace", self.namespace())], Reading::now(connected));
        self.core.backend.observe(visitor);
        if let Some(near) = self.near_stats() {
            observe_near(&near, self.namespace(), visitor);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "gauges are floats; exact below 2^53")]
fn observe_near(near: &NearStats, namespace: &str, visitor: &mut dyn Visitor) {
    let namespace = ("namespace", namespace);
    visitor.gauge(&NEAR_OPEN, &[namespace], Reading::now(f64::from(u8::from(near.is_open))));
    for (kind, count) in [("entry", near.entries), ("version", near.versions)] {
        visitor.gauge(&NEAR_ENTRIES, &[namespace, ("kind", kind)], Reading::now(count as f64));
    }
    visitor.gauge(&NEAR_BYTES, &[namespace], Reading::now(near.bytes as f64));
    visitor.counter(&NEAR_EVICTED, &[namespace], near.evicted);
    for (reason, total) in
        [("change", near.invalidations), ("flush", near.flushes), ("connection", near.losses)]
    {
        visitor.counter(&NEAR_LOST, &[namespace, ("reason", reason)], total);
    }
}

impl<K: ?Sized, V: Send> Observe for Cache<K, V> {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let stats = self.stats();
        let cache = ("cache", self.name());
        for (tier, total) in [("near", stats.near_hits), ("remote", stats.hits - stats.near_hits)] {
            visitor.counter(&HITS, &[cache, ("tier", tier)], total);
        }
        for (metric, total) in [
            (&ABSENT, stats.absent),
            (&MISSES, stats.misses),
            (&STALE, stats.stale),
            (&SETS, stats.sets),
            (&REMOVES, stats.removes),
            (&LOADS, stats.loads),
            (&LOAD_FAILURES, stats.load_failures),
            (&REFRESHES, stats.refreshes),
            (&COALESCED, stats.coalesced),
            (&LEASE_WAITS, stats.lease_waits),
            (&OVERTAKEN, stats.overtaken),
            (&OUTDATED, stats.outdated),
            (&BYTES_READ, stats.bytes_read),
            (&BYTES_WRITTEN, stats.bytes_written),
        ] {
            visitor.counter(metric, &[cache], total);
        }
        for (kind, total) in stats.errors.by_name() {
            visitor.counter(&ERRORS, &[cache, ("kind", kind)], total);
        }
        for (reason, total) in stats.rejected.by_name() {
            visitor.counter(&REJECTED, &[cache, ("reason", reason)], total);
        }
        for (operation, snapshot) in self.shared.counters.latencies.by_name() {
            visitor.latency(&DURATION, &[cache, ("operation", operation)], &snapshot);
        }
    }
}
