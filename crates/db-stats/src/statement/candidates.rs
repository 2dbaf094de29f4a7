use crate::Fingerprint;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const PLACES: usize = 4096;
const COUNT: u64 = 0xFFFF;

/// Counts fingerprints that have no place in a full table: 32 KiB, however many there are.
///
/// Each has one place by its number. Two that meet there wear each other down, so that the busier one stays, as in the
/// counters of Misra and Gries (1982).
#[derive(Debug)]
pub(super) struct Candidates {
    /// The upper 48 bits of a fingerprint, and its count below.
    places: Box<[AtomicU64]>,
    minute: AtomicU64,
}

impl Default for Candidates {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(), minute: AtomicU64::new(0) }
    }
}

impl Candidates {
    /// Counts one use; gives how many there were in this minute, or 0 if another one has the place.
    pub(super) fn count(&self, fingerprint: Fingerprint, minute: u64) -> u64 {
        if self.minute.load(Relaxed) != minute && self.minute.swap(minute, Relaxed) != minute {
            for place in &self.places {
                place.store(0, Relaxed);
            }
        }
        let fingerprint = fingerprint.get();
        let place = &self.places[fingerprint as usize % PLACES];
        let before = place.load(Relaxed);
        let (name, count) = (before & !COUNT, before & COUNT);
        let (after, ours) = if name == fingerprint & !COUNT {
            let count = (count + 1).min(COUNT);
            (name | count, count)
        } else if count > 1 {
            (before - 1, 0)
        } else {
            (fingerprint & !COUNT | 1, 1)
        };
        // A count that another thread overwrites is of no weight here.
        place.store(after, Relaxed);
        ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busier_of_two_at_one_place_keeps_it_for_its_minute() {
        let candidates = Candidates::default();
        let busy = Fingerprint::of("busy");
        let rare = Fingerprint::from_number(busy.get() ^ 1 << 50);
        let counts: Vec<_> = (0..4).map(|_| candidates.count(busy, 0)).collect();
        assert_eq!(counts, [1, 2, 3, 4]);
        assert_eq!(candidates.count(rare, 0), 0);
        assert_eq!(candidates.count(busy, 0), 4);
        assert_eq!(candidates.count(rare, 1), 1);
    }
}
