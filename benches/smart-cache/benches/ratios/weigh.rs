//! What an entry takes of the heap.

use crate::peers::{FoyerS3, LockedLru, MiniMoka, Moka, QuickCache};
use perfect21_bench_smart_cache::{Ours, Subject};
use perfect21_test_support::alloc::Counts;

const ENTRIES: u64 = 1_000_000;

pub(crate) struct Weight {
    pub(crate) name: &'static str,
    /// Bytes an entry after as many inserts as there is room for.
    pub(crate) filled: f64,
    /// After twice as many of other keys.
    pub(crate) churned: f64,
}

pub(crate) fn all() -> Vec<Weight> {
    vec![of::<Ours>(), of::<QuickCache>(), of::<Moka>(), of::<MiniMoka>(), of::<FoyerS3>(), of::<LockedLru>()]
}

fn of<S: Subject>() -> Weight {
    let before = Counts::process();
    let cache = S::with_capacity(ENTRIES as usize);
    let each = || (Counts::process() - before).live as f64 / ENTRIES as f64;
    (0..ENTRIES).for_each(|key| cache.insert(key, key));
    let filled = each();
    (ENTRIES..ENTRIES * 3).for_each(|key| cache.insert(key, key));
    Weight { name: S::NAME, filled, churned: each() }
}
