//! The byte bound: one account for all shards.
//!
//! # Protocol
//! `used` counts the bytes of all published entries and of all *holds*: bytes that an insert has and no entry yet.
//! Only [`Ledger::take`] makes it grow, by one compare-and-exchange that never goes past `limit`. So `used <= limit`
//! holds at every instant, whatever else the threads do, and an entry is published only by who holds its weight:
//!
//! 1. **Reserve.** Under the lock of the key's shard, the hold takes what it lacks. What stands under the key counts as
//!    held already: replaced in place, old and new are never counted together.
//! 2. **Make room.** Where that fails, what stood under the key leaves, and victims leave the own shard. Their weight
//!    goes into the hold and not back to the account, so no other insert can take it. An empty own shard is unlocked, and
//!    the others are asked in turn: by `try_lock`, and by `lock` in the last round. No insert waits for a lock while it
//!    has one.
//! 3. **Publish.** Under the own lock, the weight goes from the hold to the entry. What is left goes back.
//!
//! Entries are bound by a budget of each shard, which its lock guards; the budgets add up to `max_entries` exactly.
//!
//! Two inserts may hold parts that neither can do with, and no entry be left to evict. So a hold that fell short in a
//! round goes back whole, and after [`ROUNDS`] rounds the value is given back as `Full`. A hold that is dropped, in a
//! panic too, goes back.
//!
//! # Orderings
//! `used` is a count that carries no data: entries are seen by their shard's lock. Read-modify-writes of one atomic are
//! totally ordered even when relaxed, so the bound needs no stronger one. `shown` is stored with release after the
//! evictions of a shrinking resize, so who reads it with acquire and then `used` finds `used` within it.

use crate::sync::{AtomicU64, Ordering};

/// How often an insert tries to gather its weight.
pub(crate) const ROUNDS: usize = if cfg!(all(test, perfect21_loom)) { 2 } else { 32 };

pub(crate) struct Ledger {
    used: AtomicU64,
    /// What [`take`](Ledger::take) obeys.
    limit: AtomicU64,
    /// What users are told: the limit, once it is kept.
    shown: AtomicU64,
}

impl Ledger {
    pub(crate) fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit: AtomicU64::new(limit), shown: AtomicU64::new(limit) }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    pub(crate) fn shown(&self) -> u64 {
        self.shown.load(Ordering::Acquire)
    }

    /// Takes up to `wanted` bytes of those that are free.
    fn take(&self, wanted: u64) -> u64 {
        let limit = self.limit();
        let mut taken = 0;
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            taken = wanted.min(limit.saturating_sub(used));
            (taken > 0).then(|| used + taken)
        });
        taken
    }

    fn give(&self, bytes: u64) {
        if bytes > 0 {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// From now on no more than `limit` is taken. Where it shrinks, [`show`](Self::show) it when it is kept.
    pub(crate) fn set_limit(&self, limit: u64) {
        if limit >= self.limit() {
            self.show(limit);
        }
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub(crate) fn show(&self, limit: u64) {
        self.shown.store(limit, Ordering::Release);
    }
}

/// Bytes that are counted and belong to no entry; they go back when it is dropped.
pub(crate) struct Hold<'a> {
    ledger: &'a Ledger,
    bytes: u64,
}

impl<'a> Hold<'a> {
    pub(crate) fn new(ledger: &'a Ledger) -> Self {
        Self { ledger, bytes: 0 }
    }

    /// The weight of an entry that leaves.
    pub(crate) fn add(&mut self, weight: u64) {
        self.bytes += weight;
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it has `weight`, with what can be taken of the account.
    pub(crate) fn reach(&mut self, weight: u64) -> bool {
        if self.bytes < weight {
            self.bytes += self.ledger.take(weight - self.bytes);
        }
        self.bytes >= weight
    }

    /// The weight of an entry that is published: never more than it has.
    pub(crate) fn spend(&mut self, weight: u64) {
        debug_assert!(weight <= self.bytes, "published without its weight");
        self.bytes -= weight;
    }

    pub(crate) fn give_back(&mut self) {
        self.ledger.give(std::mem::take(&mut self.bytes));
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}
