use crate::{
    Cache,
    engine::{Extracted, gone::Cause},
};
use perfect21_core::{Pressure, Trim, Trimmed};
use std::hash::{BuildHasher, Hash};

/// Gives back the expired entries at [`Pressure::Routine`] (a scan of all, one shard's lock at a time), at
/// [`Pressure::Elevated`] also those that would be evicted next until half of the entries and of the bytes are left,
/// and at [`Pressure::Critical`] all. Loads under way are not disturbed.
impl<K: Hash + Eq + Send, V: Send, S: BuildHasher + Send + Sync> Trim for Cache<K, V, S> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        let engine = &self.inner.engine;
        if pressure >= Pressure::Critical {
            return trimmed(engine.extract(Cause::Pressure, false, |_, _, _| true).0);
        }
        let mut sum = trimmed(engine.extract(Cause::Expired, false, |_, _, over| over).0);
        if pressure >= Pressure::Elevated {
            sum += trimmed(engine.halve());
        }
        sum
    }
}

fn trimmed(extracted: Extracted) -> Trimmed {
    Trimmed::new(extracted.entries, extracted.bytes)
}
