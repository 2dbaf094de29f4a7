use crate::connection::Writes;
use parking_lot::RwLock;
use std::{
    fmt,
    sync::{Arc, Weak},
};

/// Wants to know what is written by way of a pool.
pub(crate) trait Watch: Send + Sync {
    /// Called when it may be seen by others, before the writer gets its answer. It must be short.
    fn wrote(&self, writes: &Writes);
}

/// Those who want to know: held weakly, and pruned when one is added.
#[derive(Default)]
pub(crate) struct Caches(RwLock<Vec<Weak<dyn Watch>>>);

impl Caches {
    pub(crate) fn add(&self, watch: Weak<dyn Watch>) {
        let mut all = self.0.write();
        all.retain(|watch| watch.strong_count() > 0);
        all.push(watch);
    }

    pub(crate) fn wrote(&self, writes: &Writes) {
        let all: Vec<Arc<dyn Watch>> = self.0.read().iter().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|watch| watch.wrote(writes));
    }
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caches").field("len", &self.0.read().len()).finish()
    }
}
