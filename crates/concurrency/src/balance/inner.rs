//! What all clones of a balancer share, and how it picks.

use super::{
    EndpointId, NoEndpoint,
    endpoint::Endpoint,
    health::State,
    retry::Budget,
    set::{Set, Slot},
    stats::Label,
    tuning::Tuning,
};
use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

pub(super) struct Inner<E> {
    pub(super) name: String,
    pub(super) label: Label<E>,
    pub(super) set: ArcSwap<Set<E>>,
    /// Held while the set is changed, or an endpoint ejected: both look at all of them. Endpoints
    /// that were inserted and are not in the set yet.
    pub(super) changing: Mutex<Vec<Slot<E>>>,
    /// There are such endpoints. Written under the lock.
    pub(super) has_new: AtomicBool,
    pub(super) next_id: AtomicU64,
    pub(super) tuning: Arc<Tuning>,
    pub(super) budget: Budget,
    pub(super) max_retries: usize,
    /// So many are down by the health check that it is not believed.
    pub(super) check_is_off: AtomicBool,
}

/// How often two are drawn before all are looked at.
const DRAWS: usize = 3;

impl<E> Inner<E> {
    pub(super) fn choose<'a>(
        &self,
        set: &'a Set<E>,
        tried: &[EndpointId],
    ) -> Result<(&'a Arc<Endpoint<E>>, bool), NoEndpoint> {
        match set.slots() {
            [] => return Err(NoEndpoint::Empty),
            [only] if tried.is_empty() => return Ok((&only.endpoint, self.probes(only))),
            [_] => {}
            _ => {
                for _ in 0..DRAWS {
                    let (first, second) = set.draw_two();
                    if let Some(chosen) = self.cheaper(first, second, tried) {
                        return Ok(chosen);
                    }
                }
            }
        }
        self.look_at_all(set, tried)
    }

    /// Of two, the one that costs less, or the one that is to be probed.
    fn cheaper<'a>(
        &self,
        first: &'a Slot<E>,
        second: &'a Slot<E>,
        tried: &[EndpointId],
    ) -> Option<(&'a Arc<Endpoint<E>>, bool)> {
        let usable = |slot: &Slot<E>| !tried.contains(&slot.endpoint.id);
        for slot in [first, second] {
            if usable(slot) && self.probes(slot) {
                return Some((&slot.endpoint, true));
            }
        }
        let usable = |slot: &Slot<E>| usable(slot) && self.is_available(slot);
        let slot = match (usable(first), usable(second)) {
            (true, true) => {
                let (one, other) = (first.endpoint.share(), second.endpoint.share());
                if one < 1.0 && is_drawn(one) {
                    first
                } else if other < 1.0 && is_drawn(other) {
                    second
                } else if first.cost(one) <= second.cost(other) {
                    first
                } else {
                    second
                }
            }
            (true, false) => first,
            (false, true) => second,
            (false, false) => return None,
        };
        Some((&slot.endpoint, false))
    }

    /// Few are available, or none: then all are.
    #[cold]
    fn look_at_all<'a>(
        &self,
        set: &'a Set<E>,
        tried: &[EndpointId],
    ) -> Result<(&'a Arc<Endpoint<E>>, bool), NoEndpoint> {
        let untried = || set.slots().iter().filter(|slot| !tried.contains(&slot.endpoint.id));
        if let Some(slot) = untried().find(|slot| self.probes(slot)) {
            return Ok((&slot.endpoint, true));
        }
        let cost = |slot: &Slot<E>| slot.cost(slot.endpoint.share());
        let available = untried().filter(|slot| self.is_available(slot));
        let cheapest = available.min_by(|first, second| cost(first).total_cmp(&cost(second)));
        // Nobody knows better than chance.
        let chosen = cheapest.or_else(|| fastrand::choice(untried().collect::<Vec<_>>()));
        let chosen = chosen.ok_or(NoEndpoint::AllTried { endpoints: set.slots().len() })?;
        Ok((&chosen.endpoint, false))
    }

    /// Whether its time is over, and this is the one request that finds out.
    fn probes(&self, slot: &Slot<E>) -> bool {
        let health = &slot.endpoint.health;
        matches!(health.state(), State::Ejected { .. }) && health.probe(self.tuning.now_ms())
    }

    fn is_available(&self, slot: &Slot<E>) -> bool {
        let health = &slot.endpoint.health;
        matches!(health.state(), State::Available { .. })
            && (!health.is_down() || self.check_is_off.load(Relaxed))
    }

    /// Takes an endpoint out for a while, unless so many are out already.
    #[cold]
    pub(super) fn eject(&self, endpoint: &Endpoint<E>, until: Option<Duration>) {
        let set = self.set();
        let _changing = self.changing.lock();
        let is_out = |slot: &&Slot<E>| !matches!(slot.endpoint.health.state(), State::Available { .. });
        let others = set.slots().iter().filter(|slot| slot.endpoint.id != endpoint.id);
        if others.filter(is_out).count() >= self.tuning.may_be_out(set.slots().len()) {
            return;
        }
        let Tuning { first_ejection_ms, max_ejection_ms, .. } = *self.tuning;
        let now = self.tuning.now_ms();
        let ejected = match until {
            None => endpoint.health.eject(now, first_ejection_ms, max_ejection_ms),
            Some(after) => {
                let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                endpoint.health.eject_until(now.saturating_add(after))
            }
        };
        endpoint.ejections.fetch_add(u64::from(ejected), Relaxed);
    }

    #[cold]
    pub(super) fn forget_all(&self, now: u64, since: u64) {
        let set = self.set();
        let available = || set.slots().iter().filter(|slot| self.is_available(slot));
        let mut estimates: Vec<f64> =
            available().filter_map(|slot| slot.endpoint.estimate.latency()).collect();
        if !estimates.is_empty() {
            // The middle one: a single endpoint that is slow must not move what is taken for usual.
            let middle = (estimates.len() - 1) / 2;
            let usual = *estimates.select_nth_unstable_by(middle, f64::total_cmp).1;
            self.tuning.usual.store(usual.to_bits(), Relaxed);
        }
        // Below what is usual, or a service with little to do would never ask the slower ones again.
        let sinks_to = self.tuning.usual() / 2.0;
        for slot in available() {
            slot.endpoint.estimate.forget(sinks_to, now, since, self.tuning.decay_ns);
        }
    }

    /// The endpoints, with those that were inserted since the last look.
    #[inline]
    pub(super) fn set(&self) -> Guard<Arc<Set<E>>> {
        if self.has_new.load(Acquire) {
            self.change(|_| ());
        }
        self.set.load()
    }

    /// Adds an endpoint. The next [`set`](Self::set) puts all that are new into a set: one copy for
    /// many insertions.
    pub(super) fn insert(&self, slot: Slot<E>) {
        let mut new = self.changing.lock();
        new.push(slot);
        self.has_new.store(true, Release);
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Vec<Slot<E>>) -> R) -> R {
        let mut new = self.changing.lock();
        let mut slots = self.set.load().slots().to_vec();
        slots.append(&mut new);
        let result = change(&mut slots);
        let old = self.set.swap(Arc::new(Set::new(slots)));
        self.has_new.store(false, Release);
        // What goes may be the last of an endpoint, whose destructor is not ours.
        drop(new);
        drop(old);
        result
    }
}

/// Whether an endpoint in its slow start gets a request for which it was drawn, whatever it costs:
/// with half of its share, since each request draws two. Where endpoints are idle costs alone would
/// give it nothing until its share is whole.
fn is_drawn(share: f64) -> bool {
    fastrand::f64() < 0.5 * share
}

#[cfg(all(test, not(perfect21_loom)))]
mod tests {
    use crate::Balancer;
    use std::sync::Arc;

    /// The list is copied by the next look and not by each insertion: that would take quadratic time.
    #[test]
    fn insertions_copy_the_list_once() {
        let balancer = Balancer::new(0..10).unwrap();
        let inner = &balancer.inner;
        let before = inner.set.load_full();
        for endpoint in 10..1000 {
            balancer.insert(endpoint, 1.0).unwrap();
        }
        assert!(Arc::ptr_eq(&before, &inner.set.load()));
        assert_eq!(balancer.len(), 1000);
        let copied = inner.set.load_full();
        assert!(!Arc::ptr_eq(&before, &copied));
        assert!(balancer.pick().is_ok() && Arc::ptr_eq(&copied, &inner.set.load()));
    }
}
