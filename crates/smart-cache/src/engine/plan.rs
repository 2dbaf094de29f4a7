//! How many shards, and the budget of each.

use super::table::most_in;
use std::thread::available_parallelism;

/// Fewer entries in a shard, and its queues are too short to learn from.
const MIN_ENTRIES: usize = 512;
/// Shards for each CPU: then two threads rarely want one lock.
const PER_CPU: usize = 8;
const MAX_SHARDS: usize = 1024;

pub(crate) struct Plan {
    pub(crate) max_entries: usize,
    pub(crate) max_bytes: u64,
    pub(crate) fixed: Option<u64>,
    pub(crate) shards: usize,
}

impl Plan {
    pub(crate) fn new(max_entries: usize, max_bytes: u64, fixed: Option<u64>) -> Self {
        let cpus = available_parallelism().map_or(1, usize::from);
        let most = (cpus * PER_CPU).next_power_of_two().min(MAX_SHARDS);
        let entries = entries(max_entries, max_bytes, fixed);
        Self { max_entries, max_bytes, fixed, shards: shards(entries, most) }
    }

    /// How many entries both bounds allow.
    pub(crate) fn entries(&self) -> usize {
        entries(self.max_entries, self.max_bytes, self.fixed)
    }

    /// Floor and remainder: they add up to the bound exactly.
    pub(crate) fn budgets(&self) -> impl Iterator<Item = usize> {
        budgets(self.entries(), self.shards)
    }
}

/// How many entries both bounds allow, where all weigh the same.
pub(crate) fn entries(max_entries: usize, max_bytes: u64, fixed: Option<u64>) -> usize {
    let fit = fixed.and_then(|each| max_bytes.checked_div(each));
    fit.map_or(max_entries, |fit| max_entries.min(usize::try_from(fit).unwrap_or(usize::MAX)))
}

pub(crate) fn budgets(entries: usize, shards: usize) -> impl Iterator<Item = usize> {
    (0..shards).map(move |nth| entries / shards + usize::from(nth < entries % shards))
}

/// From half of what there may be to all of it: as many as fill their tables best.
fn shards(entries: usize, most: usize) -> usize {
    let last = (entries / MIN_ENTRIES).clamp(1, most * 2);
    let waste = |shards: &usize| {
        let each = entries.div_ceil(*shards);
        let mut buckets = 16;
        while most_in(buckets) < each && buckets < 1 << 40 {
            buckets *= 2;
        }
        buckets * shards
    };
    (last.div_ceil(2)..=last).min_by_key(waste).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_add_up_and_are_never_nothing() {
        for entries in [1, 2, 16, 100, 187, 511, 1000, 1024, 9999, 100_000, 1_000_000, 1 << 50] {
            let plan = Plan { shards: shards(entries, 16), ..Plan::new(entries, 1, None) };
            let budgets: Vec<usize> = plan.budgets().collect();
            assert_eq!(budgets.iter().sum::<usize>(), entries);
            let (min, max) = (budgets.iter().min().unwrap(), budgets.iter().max().unwrap());
            assert!(*min >= entries.min(MIN_ENTRIES) && max - min <= 1, "{entries}: {min} to {max}");
            assert!(plan.shards <= 32);
        }
    }

    #[test]
    fn large_tables_are_filled_well() {
        for entries in [50_000, 100_000, 300_000, 700_000, 1_000_000, 3_000_000] {
            let shards = shards(entries, 16);
            let each = entries.div_ceil(shards);
            let buckets = (4..).map(|n| 1_usize << n).find(|buckets| most_in(*buckets) >= each).unwrap();
            assert!(each as f64 / buckets as f64 > 0.65, "{entries}: {each} in {buckets}");
        }
    }

    #[test]
    fn equal_weights_make_one_bound_of_two() {
        assert_eq!(entries(1000, 160, Some(16)), 10);
        assert_eq!(entries(1000, u64::MAX, Some(16)), 1000);
        assert_eq!(entries(1000, 160, Some(0)), 1000);
        assert_eq!(entries(1000, 160, None), 1000);
    }
}
