//! Distributions of durations: one bucket layout for every recorder, and the snapshot they are read out as.
//!
//! Buckets are log-linear: up to 64 ns one nanosecond wide, then 64 to each power of two, so that the middle of a
//! bucket is within 0.8 % of every duration in it. A snapshot keeps only the buckets that hold something.

use std::{ops::RangeInclusive, time::Duration};

const SUB_BITS: u32 = 6;
const SUB: u64 = 1 << SUB_BITS;
const TOP_BITS: u32 = 42;

/// The longest duration that is recorded: 2⁴² − 1 ns, 73 minutes.
pub const MAX: Duration = Duration::from_nanos((1 << TOP_BITS) - 1);

/// How many buckets the layout has.
pub const BUCKETS: usize = (SUB * (TOP_BITS - SUB_BITS + 1) as u64) as usize;

/// The bucket of a duration in nanoseconds, or `None` beyond [`MAX`].
///
/// ```
/// use perfect21_core::latency;
///
/// let index = latency::index_of(1_000_000).unwrap();
/// assert!(latency::range_of(index).contains(&1_000_000));
/// assert_eq!(latency::index_of(u64::MAX), None);
/// ```
#[inline]
#[must_use]
pub const fn index_of(nanos: u64) -> Option<usize> {
    if nanos >> TOP_BITS != 0 {
        return None;
    }
    // Below 64 the `| SUB` makes the shift zero, and the index the value itself.
    let shift = 63 - SUB_BITS - (nanos | SUB).leading_zeros();
    Some(((nanos >> shift) + SUB * shift as u64) as usize)
}

/// The durations of a bucket, in nanoseconds.
///
/// # Panics
/// If `index` is not below [`BUCKETS`].
#[must_use]
pub const fn range_of(index: usize) -> RangeInclusive<u64> {
    assert!(index < BUCKETS, "bucket index out of range");
    let index = index as u64;
    let shift = if index < 2 * SUB { 0 } else { index / SUB - 1 };
    let low = (index - SUB * shift) << shift;
    low..=low + (1 << shift) - 1
}

const fn middle_of(index: usize) -> u64 {
    let range = range_of(index);
    *range.start() + (*range.end() - *range.start()) / 2
}

/// Every duration that a recorder has seen so far, by bucket.
///
/// Counts only grow while the recorder lives, so a reader that wants a window takes [`since`](Self::since) of two
/// snapshots; snapshots of several recorders [`merge`](Self::merge) exactly. The count is the sum of the buckets.
/// Costs 16 bytes for each bucket that holds something.
///
/// ```
/// use perfect21_core::LatencySnapshot;
/// use std::time::Duration;
///
/// let snapshot: LatencySnapshot = (1..=100).map(Duration::from_millis).collect();
/// let p95 = snapshot.quantile(0.95).unwrap();
/// assert!((p95.as_secs_f64() - 0.095).abs() < 0.095 * 0.008);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LatencySnapshot {
    /// Ascending bucket indices with counts above zero.
    buckets: Vec<(usize, u64)>,
    rejected: u64,
}

impl LatencySnapshot {
    /// Takes counts by ascending bucket index; zeros are left out. `rejected` counts values that were not durations.
    ///
    /// # Panics
    /// If the indices do not ascend or reach [`BUCKETS`].
    #[must_use]
    pub fn from_counts(counts: impl IntoIterator<Item = (usize, u64)>, rejected: u64) -> Self {
        let buckets: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0), "bucket indices must ascend");
        assert!(buckets.last().is_none_or(|(index, _)| *index < BUCKETS), "bucket index out of range");
        Self { buckets, rejected }
    }

    /// How many durations were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// How many values were dropped because they were no duration up to [`MAX`]: NaN, negative, too long.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// The buckets that hold something: their durations in nanoseconds, and how many fell there.
    pub fn buckets(&self) -> impl Iterator<Item = (RangeInclusive<u64>, u64)> {
        self.buckets.iter().map(|(index, count)| (range_of(*index), *count))
    }

    /// The duration that a share `q` of all did not exceed, within 0.8 %; `None` when empty or `q` is not in 0..=1.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = ((q * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let (index, _) = self.buckets.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_nanos(middle_of(*index)))
    }

    /// The sum of all durations, within 0.8 %.
    #[must_use]
    pub fn sum(&self) -> Duration {
        let nanos: u128 = self
            .buckets
            .iter()
            .map(|(index, count)| u128::from(middle_of(*index)) * u128::from(*count))
            .sum();
        Duration::from_nanos_u128(nanos.min(Duration::MAX.as_nanos()))
    }

    /// The arithmetic mean, within 0.8 %; `None` when empty.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let nanos = self.sum().as_nanos().checked_div(u128::from(self.count()))?;
        Some(Duration::from_nanos_u128(nanos))
    }

    /// Adds what another recorder has seen.
    pub fn merge(&mut self, other: &Self) {
        let mut merged = Vec::with_capacity(self.buckets.len().max(other.buckets.len()));
        let (mut ours, mut theirs) = (self.buckets.iter().peekable(), other.buckets.iter().peekable());
        loop {
            let next = [ours.peek(), theirs.peek()].into_iter().flatten().map(|(index, _)| *index).min();
            let Some(index) = next else { break };
            let at_index = |(i, _): &&(usize, u64)| *i == index;
            let counts = [ours.next_if(at_index), theirs.next_if(at_index)];
            merged.push((index, counts.into_iter().flatten().map(|(_, count)| count).sum()));
        }
        self.buckets = merged;
        self.rejected += other.rejected;
    }

    /// What was recorded after `earlier` of the same recorder; `None` if it is not an earlier state of it, as after a
    /// restart.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        let mut before = earlier.buckets.iter().peekable();
        let mut buckets = Vec::new();
        for &(index, count) in &self.buckets {
            let known = before.next_if(|(i, _)| *i == index).map_or(0, |(_, count)| *count);
            match count.checked_sub(known)? {
                0 => {}
                new => buckets.push((index, new)),
            }
        }
        match before.next() {
            Some(_) => None,
            None => Some(Self { buckets, rejected: self.rejected.checked_sub(earlier.rejected)? }),
        }
    }
}

impl FromIterator<Duration> for LatencySnapshot {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut counts = std::collections::BTreeMap::new();
        let mut rejected = 0;
        for duration in durations {
            match u64::try_from(duration.as_nanos()).ok().and_then(index_of) {
                Some(index) => *counts.entry(index).or_insert(0) += 1,
                None => rejected += 1,
            }
        }
        Self::from_counts(counts, rejected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_all_durations_without_gap_or_overlap() {
        let mut next = 0;
        for index in 0..BUCKETS {
            let range = range_of(index);
            assert_eq!(*range.start(), next, "bucket {index}");
            assert_eq!(index_of(*range.start()), Some(index));
            assert_eq!(index_of(*range.end()), Some(index));
            next = range.end() + 1;
        }
        assert_eq!(u128::from(next - 1), MAX.as_nanos());
        assert_eq!(index_of(next), None);
    }

    #[test]
    fn the_middle_of_a_bucket_is_within_0_8_percent() {
        for index in 0..BUCKETS {
            let range = range_of(index);
            for edge in [*range.start(), *range.end()] {
                let error = middle_of(index).abs_diff(edge) as f64 / edge.max(1) as f64;
                assert!(error <= 0.008, "bucket {index}: {error}");
            }
        }
    }

    #[test]
    fn quantiles_are_by_rank() {
        let snapshot: LatencySnapshot = (1..=10).map(Duration::from_nanos).collect();
        for (q, nanos) in [(0.0, 1), (0.1, 1), (0.11, 2), (0.5, 5), (0.95, 10), (1.0, 10)] {
            assert_eq!(snapshot.quantile(q), Some(Duration::from_nanos(nanos)), "q = {q}");
        }
        assert_eq!(snapshot.quantile(1.1), None);
        assert_eq!(snapshot.quantile(f64::NAN), None);
        assert_eq!(LatencySnapshot::default().quantile(0.5), None);
        assert_eq!(LatencySnapshot::default().mean(), None);
    }

    #[test]
    fn since_undoes_merge_and_sees_a_restart() {
        let early: LatencySnapshot = [1, 5, 70_000].map(Duration::from_nanos).into_iter().collect();
        let late: LatencySnapshot = [0, 5, 900, 1 << 50].map(Duration::from_nanos).into_iter().collect();
        let mut both = early.clone();
        both.merge(&late);
        assert_eq!(both.count(), 6);
        assert_eq!(both.since(&early), Some(late.clone()));
        assert_eq!(both.since(&late), Some(early.clone()));
        assert_eq!(late.since(&early), None);
        assert_eq!(LatencySnapshot::default().since(&early), None);
        assert_eq!(late.rejected(), 1);
    }
}
