use parking_lot::Mutex;
use perfect21_core::{LatencySnapshot, latency};
use std::sync::{
    OnceLock,
    atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// What a page of buckets takes, in bytes.
pub(super) const PAGE_BYTES: usize = size_of::<Page>();

/// Durations below 2¹⁰ ns, about a microsecond, are one bucket.
const FIRST: u32 = 10;
/// From here on, 17 s, the buckets are twice as wide, so that one page reaches to the end.
const COARSE: u32 = 34;
/// Durations from 2⁴² ns on, 73 minutes, are rejected, as by every recorder.
const END: u32 = 42;
/// Each power of two has 16 buckets, or 8 in the coarse page.
const SUB_BITS: u32 = 4;
const PER_PAGE: usize = 64;
const PAGES: usize = FINE_PAGES + 1;
const FINE_PAGES: usize = ((COARSE - FIRST) << SUB_BITS) as usize / PER_PAGE;
/// The one below all pages included.
pub(super) const BUCKETS: usize = 1 + PAGES * PER_PAGE;

/// A bucket moves so many of its counts to `beyond` when it has them, long before it could overflow.
const MOVED: u32 = 1 << 31;

type Page = [AtomicU32; PER_PAGE];

/// Durations of one part of one statement: 176 bytes, and 256 for each page of four powers of two that was used.
///
/// Buckets are a sixteenth of a power of two wide, so that a duration is known within 4 %. A whole snapshot locks the
/// recorders out only of what happens once in two thousand million records.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    below: AtomicU64,
    pages: [OnceLock<Box<Page>>; PAGES],
    /// Bucket and count, for what did not fit. Locked while the buckets are read.
    beyond: Mutex<Vec<(usize, u64)>>,
    rejected: AtomicU64,
}

/// How many pages all histograms of a table have.
#[derive(Debug, Default)]
pub(super) struct Pages(AtomicUsize);

/// The counts of one histogram or of several.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    buckets: Box<[u64; BUCKETS]>,
    rejected: u64,
}

impl Histogram {
    #[inline]
    pub(super) fn record(&self, nanos: u64, opened: &Pages) {
        match bucket_of(nanos) {
            Some(bucket) => self.add(bucket, 1, opened),
            None => self.reject(1),
        }
    }

    #[inline]
    fn add(&self, bucket: usize, count: u32, opened: &Pages) {
        let Some(place) = bucket.checked_sub(1) else {
            self.below.fetch_add(count.into(), Relaxed);
            return;
        };
        let page = &self.pages[place / PER_PAGE];
        let page = match page.get() {
            Some(page) => page,
            None => Self::open(page, opened),
        };
        let counter = &page[place % PER_PAGE];
        let before = counter.fetch_add(count, Relaxed);
        if before < MOVED && before + count >= MOVED {
            self.move_on(bucket, counter);
        }
    }

    #[cold]
    fn reject(&self, count: u64) {
        self.rejected.fetch_add(count, Relaxed);
    }

    #[cold]
    fn open<'a>(page: &'a OnceLock<Box<Page>>, opened: &Pages) -> &'a Page {
        page.get_or_init(|| {
            opened.0.fetch_add(1, Relaxed);
            Box::new([const { AtomicU32::new(0) }; PER_PAGE])
        })
    }

    /// Only the one whose addition reached the mark comes here, so others can add as much again meanwhile. Nothing is to
    /// be moved if all counts were moved elsewhere in between.
    #[cold]
    fn move_on(&self, bucket: usize, counter: &AtomicU32) {
        let mut beyond = self.beyond.lock();
        if counter.fetch_update(Relaxed, Relaxed, |count| count.checked_sub(MOVED)).is_ok() {
            put(&mut beyond, bucket, MOVED.into());
        }
    }

    pub(super) fn add_to(&self, sums: &mut Sums) {
        let beyond = self.beyond.lock();
        sums.buckets[0] += self.below.load(Relaxed);
        for (page, buckets) in self.pages.iter().zip(sums.buckets[1..].chunks_mut(PER_PAGE)) {
            for (count, bucket) in page.get().into_iter().flat_map(|page| page.iter()).zip(buckets) {
                *bucket += u64::from(count.load(Relaxed));
            }
        }
        for (bucket, count) in &*beyond {
            sums.buckets[*bucket] += count;
        }
        sums.rejected += self.rejected.load(Relaxed);
    }

    pub(super) fn snapshot(&self) -> LatencySnapshot {
        let mut sums = Sums::default();
        self.add_to(&mut sums);
        sums.snapshot()
    }

    /// Moves all counts to another one. What is recorded meanwhile is in one of them.
    pub(super) fn move_to(&self, other: &Self, opened: &Pages) {
        let mut beyond = std::mem::take(&mut *self.beyond.lock());
        other.below.fetch_add(self.below.swap(0, Relaxed), Relaxed);
        for (n, page) in self.pages.iter().enumerate() {
            for (m, count) in page.get().into_iter().flat_map(|page| page.iter()).enumerate() {
                match count.swap(0, Relaxed) {
                    0 => {}
                    // Few enough that no number of additions at once overflows what they are added to.
                    few @ ..0x1_0000 => other.add(1 + n * PER_PAGE + m, few, opened),
                    many => put(&mut beyond, 1 + n * PER_PAGE + m, many.into()),
                }
            }
        }
        let mut theirs = other.beyond.lock();
        for (bucket, count) in beyond {
            put(&mut theirs, bucket, count);
        }
        drop(theirs);
        other.reject(self.rejected.swap(0, Relaxed));
    }

    /// Gives the number of its pages back.
    pub(super) fn closed(&self, opened: &Pages) {
        opened.0.fetch_sub(self.pages.iter().filter(|page| page.get().is_some()).count(), Relaxed);
    }
}

impl Pages {
    pub(super) fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

fn put(counts: &mut Vec<(usize, u64)>, bucket: usize, count: u64) {
    match counts.iter_mut().find(|(known, _)| *known == bucket) {
        Some((_, sum)) => *sum += count,
        None => counts.push((bucket, count)),
    }
}

/// The bucket of a duration: the one below the first page is 0.
#[inline]
const fn bucket_of(nanos: u64) -> Option<usize> {
    let octave = match nanos.checked_ilog2() {
        Some(octave) if octave >= FIRST => octave,
        _ => return Some(0),
    };
    if octave < COARSE {
        Some(1 + place_of(nanos, octave, FIRST, SUB_BITS))
    } else if octave < END {
        Some(1 + FINE_PAGES * PER_PAGE + place_of(nanos, octave, COARSE, SUB_BITS - 1))
    } else {
        None
    }
}

/// Which bucket it is, counted from the first one of an octave.
const fn place_of(nanos: u64, octave: u32, first: u32, sub_bits: u32) -> usize {
    let sub = (nanos >> (octave - sub_bits)) as usize - (1 << sub_bits);
    sub + (((octave - first) as usize) << sub_bits)
}

/// The shortest duration of a bucket, or of the one behind the last.
const fn start_of(bucket: usize) -> u64 {
    let Some(place) = bucket.checked_sub(1) else { return 0 };
    let (place, first, sub_bits) = match place.checked_sub(FINE_PAGES * PER_PAGE) {
        Some(place) => (place, COARSE, SUB_BITS - 1),
        None => (place, FIRST, SUB_BITS),
    };
    let subs = 1 << sub_bits;
    let octave = first + (place / subs) as u32;
    ((subs + place % subs) as u64) << (octave - sub_bits)
}

impl Default for Sums {
    fn default() -> Self {
        Self { buckets: Box::new([0; BUCKETS]), rejected: 0 }
    }
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.buckets.iter_mut().zip(&*other.buckets) {
            *ours += theirs;
        }
        self.rejected += other.rejected;
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        for (ours, theirs) in self.buckets.iter_mut().zip(&*other.buckets) {
            *ours = ours.saturating_sub(*theirs);
        }
        self.rejected = self.rejected.saturating_sub(other.rejected);
    }

    /// Each bucket as a count of its middle.
    pub(super) fn snapshot(&self) -> LatencySnapshot {
        let counts = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        let middles = counts.filter_map(|(bucket, count)| {
            let (start, end) = (start_of(bucket), start_of(bucket + 1));
            Some((latency::index_of(start + (end - start) / 2)?, *count))
        });
        LatencySnapshot::from_counts(middles, self.rejected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_all_durations() {
        for bucket in 0..BUCKETS {
            let (start, end) = (start_of(bucket), start_of(bucket + 1));
            assert_eq!(bucket_of(start), Some(bucket));
            assert_eq!(bucket_of(end - 1), Some(bucket));
        }
        assert_eq!(start_of(BUCKETS), 1 << END);
        assert_eq!(bucket_of(1 << END), None);
        assert_eq!(bucket_of(u64::MAX), None);
    }

    #[test]
    fn a_duration_is_known_within_4_percent() {
        for nanos in (10..34).flat_map(|bits| (0..100).map(move |n| (1_u64 << bits) * (100 + n) / 100)) {
            let histogram = Histogram::default();
            histogram.record(nanos, &Pages::default());
            let middle = histogram.snapshot().quantile(0.5).unwrap().as_nanos() as f64;
            assert!((middle / nanos as f64 - 1.0).abs() <= 0.04, "{nanos}: {middle}");
        }
    }

    #[test]
    fn pages_are_opened_when_used_and_nothing_is_lost_on_the_way() {
        let (pages, histogram, other) = (Pages::default(), Histogram::default(), Histogram::default());
        histogram.record(0, &pages);
        histogram.record(u64::MAX, &pages);
        assert_eq!(pages.count(), 0);
        for nanos in [2_000, 2_001, 3_000_000, 60_000_000_000] {
            histogram.record(nanos, &pages);
        }
        assert_eq!(pages.count(), 3);
        let before = histogram.snapshot();
        assert_eq!((before.count(), before.rejected()), (5, 1));
        histogram.move_to(&other, &pages);
        assert!(histogram.snapshot().is_empty());
        assert_eq!(other.snapshot(), before);
        assert_eq!(pages.count(), 6);
        histogram.closed(&pages);
        assert_eq!(pages.count(), 3);
    }

    #[test]
    fn a_bucket_never_overflows() {
        let (pages, histogram, other) = (Pages::default(), Histogram::default(), Histogram::default());
        let bucket = bucket_of(5_000).unwrap();
        for _ in 0..5 {
            histogram.add(bucket, MOVED - 1, &pages);
        }
        let count = 5 * u64::from(MOVED - 1);
        assert_eq!(histogram.snapshot().count(), count);
        histogram.move_to(&other, &pages);
        other.record(5_000, &pages);
        assert_eq!(other.snapshot().count(), count + 1);
        assert!(histogram.snapshot().is_empty());
    }
}
