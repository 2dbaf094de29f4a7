//! Buckets by octave: a page of 64 counts is allocated when the first duration of its octave arrives.

use perfect21_core::latency::BUCKETS;

use crate::sync::{AtomicU64, MODEL, OnceLock, Ordering};

const PER_PAGE: usize = if MODEL { 2 } else { 64 };
const PAGES: usize = if MODEL { 2 } else { BUCKETS / PER_PAGE };

/// Whole cache lines, so that pages of two threads never share one.
#[repr(align(64))]
struct Page([AtomicU64; PER_PAGE]);

impl Page {
    fn new() -> Box<Self> {
        Box::new(Self(std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

/// The counts of all buckets. Costs 592 bytes, and 512 for each octave that holds something.
pub(crate) struct Pages([OnceLock<Box<Page>>; PAGES]);

impl Pages {
    #[cfg(not(all(test, perfect21_loom)))]
    pub(crate) const fn new() -> Self {
        Self([const { OnceLock::new() }; PAGES])
    }

    #[cfg(all(test, perfect21_loom))]
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }

    /// Counts one; the caller is the only writer of these pages.
    #[inline]
    pub(crate) fn add_alone(&self, index: usize) {
        let bucket = self.bucket(index);
        bucket.store(bucket.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Counts one among other writers; says whether another one counted in the same bucket at the same moment.
    #[inline]
    pub(crate) fn add_shared(&self, index: usize) -> bool {
        let bucket = self.bucket(index);
        let before = bucket.load(Ordering::Relaxed);
        let swapped = bucket.compare_exchange(before, before + 1, Ordering::Relaxed, Ordering::Relaxed);
        if swapped.is_err() {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        swapped.is_err()
    }

    #[inline]
    fn bucket(&self, index: usize) -> &AtomicU64 {
        let slot = &self.0[index / PER_PAGE];
        let page: &Page = match slot.get() {
            Some(page) => page,
            None => Self::open(slot),
        };
        &page.0[index % PER_PAGE]
    }

    #[cold]
    #[inline(never)]
    fn open(slot: &OnceLock<Box<Page>>) -> &Page {
        slot.get_or_init(Page::new)
    }

    fn sum_page(&self, page: usize, sums: &mut [u64; PER_PAGE]) {
        let Some(page) = self.0[page].get() else { return };
        for (sum, bucket) in sums.iter_mut().zip(&page.0) {
            *sum += bucket.load(Ordering::Relaxed);
        }
    }
}

impl Default for Pages {
    fn default() -> Self {
        Self::new()
    }
}

/// The counts of several pages together, by ascending bucket index.
pub(crate) fn counts<'a, I>(all: I) -> impl Iterator<Item = (usize, u64)>
where
    I: Iterator<Item = &'a Pages> + Clone,
{
    (0..PAGES).flat_map(move |page| {
        let mut sums = [0; PER_PAGE];
        for pages in all.clone() {
            pages.sum_page(page, &mut sums);
        }
        sums.into_iter().enumerate().map(move |(bucket, count)| (page * PER_PAGE + bucket, count))
    })
}
