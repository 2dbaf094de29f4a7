//! New bounds at run time, and what memory pressure asks for.

use super::{Cause, Engine, Extracted, Hold, plan};
use crate::sync::yield_now;
use perfect21_core::ConfigError;
use std::{
    hash::{BuildHasher, Hash},
    sync::atomic::Ordering,
};

/// How many entries leave under one hold of a lock, so that nobody waits long for it.
const STEP: usize = 256;

impl<K: Hash + Eq, V, S: BuildHasher> Engine<K, V, S> {
    pub(crate) fn check(&self, max_entries: usize, max_bytes: u64) -> Result<(), ConfigError> {
        let shards = self.shards.len();
        if plan::entries(max_entries, max_bytes, self.fixed) < shards {
            let (setting, value) = if max_entries < shards {
                ("max_entries", max_entries as u64)
            } else {
                ("max_bytes", max_bytes)
            };
            return Err(ConfigError::new(
                setting,
                value,
                format!("must make room for {shards} entries, one a shard"),
            ));
        }
        if max_bytes == 0 {
            return Err(ConfigError::new("max_bytes", 0, "must be at least 1"));
        }
        Ok(())
    }

    /// Sets both bounds and evicts what is over them. Users are told of a smaller bound when it is kept, and of a
    /// larger one before it is used.
    pub(crate) fn resize(&self, max_entries: usize, max_bytes: u64) {
        let _alone = self.resizing.lock();
        if max_entries >= self.max_entries() {
            self.max_entries.store(max_entries, Ordering::Release);
        }
        self.ledger.set_limit(max_bytes);
        let entries = plan::entries(max_entries, max_bytes, self.fixed);
        for (nth, budget) in plan::budgets(entries, self.shards.len()).enumerate() {
            self.shards[nth].0.lock().budget = budget;
            while self
                .evict_while(nth, Cause::Entries, STEP, |shard, _| shard.table.len() > shard.budget)
                .entries
                > 0
            {}
        }
        while self.fixed.is_none() && self.ledger.used() > max_bytes {
            if self.halve_bytes(max_bytes, Cause::Bytes).entries == 0 {
                // The rest is held by inserts under way, which soon give it back.
                yield_now();
            }
        }
        self.ledger.show(max_bytes);
        self.max_entries.store(max_entries, Ordering::Release);
    }

    /// Evicts in all shards until no more than half of the entries and of the bytes are left.
    pub(crate) fn halve(&self) -> Extracted {
        let bytes = self.bytes() / 2;
        let mut sum = Extracted::default();
        for nth in 0..self.shards.len() {
            let len = self.shards[nth].0.lock().table.len();
            // As many steps as there were entries, so that busy writers cannot keep it here.
            for _ in 0..=len / STEP {
                sum += self.evict_while(nth, Cause::Pressure, STEP, |shard, _| shard.table.len() > len / 2);
            }
        }
        if self.fixed.is_none() {
            sum += self.halve_bytes(bytes, Cause::Pressure);
        }
        for shard in &self.shards {
            shard.0.lock().table.shrink();
        }
        sum
    }

    /// One pass over the shards, each as often as it had entries to give, until no more than `keep` bytes are left.
    fn halve_bytes(&self, keep: u64, cause: Cause) -> Extracted {
        let mut sum = Extracted::default();
        for nth in 0..self.shards.len() {
            let len = self.shards[nth].0.lock().table.len();
            for _ in 0..=len / STEP {
                let over = |_: &_, freed: &Hold<'_>| self.ledger.used().saturating_sub(freed.bytes()) > keep;
                sum += self.evict_while(nth, cause, STEP, over);
            }
        }
        sum
    }
}

impl std::ops::AddAssign for Extracted {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        self.bytes += other.bytes;
    }
}
