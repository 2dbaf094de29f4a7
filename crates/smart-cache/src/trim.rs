use crate::{Cache, table::Gone};
use perfect21_core::{Pressure, Trim, Trimmed};
use std::hash::Hash;

/// How many entries leave under one hold of the lock, so that nobody waits long for it.
const STEP: usize = 256;

/// Gives back the expired entries at [`Pressure::Routine`] (a scan of all under the lock), at
/// [`Pressure::Elevated`] also the least recently used until half of the entries and of the bytes are left, and at
/// [`Pressure::Critical`] all. Loads under way are not disturbed.
impl<K: Hash + Eq + Clone + Send, V: Send> Trim for Cache<K, V> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        let mut trimmed = Trimmed::default();
        if pressure >= Pressure::Critical {
            let mut table = self.inner.table.lock();
            trimmed += Trimmed::new(table.len() as u64, table.bytes());
            table.counts.trimmed += trimmed.objects;
            let entries = table.take();
            drop(table);
            drop(entries);
            return trimmed;
        }
        let mut table = self.inner.table.lock();
        let expired = table.take_expired(&*self.inner.settings.clock);
        let entries = table.len();
        let keep = (table.len() / 2, table.bytes() / 2);
        drop(table);
        trimmed += count(&expired);
        drop(expired);
        if pressure >= Pressure::Elevated {
            // As many steps as there were entries, so that busy writers cannot keep it here.
            for _ in 0..=entries / STEP {
                trimmed += self.trim_step(keep);
            }
        }
        trimmed
    }
}

impl<K: Hash + Eq, V> Cache<K, V> {
    fn trim_step(&self, (keep_entries, keep_bytes): (usize, u64)) -> Trimmed {
        let mut gone = Gone::with_capacity(STEP);
        let mut table = self.inner.table.lock();
        while gone.len() < STEP && (table.len() > keep_entries || table.bytes() > keep_bytes) {
            gone.extend(table.pop_lru());
        }
        table.counts.trimmed += gone.len() as u64;
        drop(table);
        count(&gone)
    }
}

fn count<K, V>(gone: &Gone<K, V>) -> Trimmed {
    Trimmed::new(gone.len() as u64, gone.iter().map(|(_, slot)| slot.weight).sum())
}
