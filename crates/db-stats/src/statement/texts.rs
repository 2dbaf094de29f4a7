use crate::Fingerprint;
use foldhash::quality::RandomState;
use std::hash::BuildHasher;

#[cfg(all(test, perfect21_loom))]
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
#[cfg(not(all(test, perfect21_loom)))]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// In the model all texts meet at one.
const PLACES: usize = if cfg!(all(test, perfect21_loom)) { 1 } else { 4096 };

/// The fingerprints of texts that were seen lately, so that they are not read again: 64 KiB, however many there are.
///
/// A text is known by a hash of 64 bits whose seed nobody outside can know. A later text takes the place of an earlier
/// one.
#[derive(Debug)]
pub(super) struct Texts {
    places: Box<[Place]>,
    hasher: RandomState,
}

/// Hash and fingerprint, the hash combined with the fingerprint: halves of two writes that meet fit together with a
/// chance of one in 2⁶⁴, so neither a lock nor an order is needed (Hyatt and Mann, 2002).
#[derive(Debug, Default)]
struct Place {
    check: AtomicU64,
    fingerprint: AtomicU64,
}

impl Default for Texts {
    fn default() -> Self {
        Self { places: (0..PLACES).map(|_| Place::default()).collect(), hasher: RandomState::default() }
    }
}

impl Texts {
    /// The fingerprint of this text: remembered, or read from it.
    pub(super) fn fingerprint(&self, sql: &str) -> Fingerprint {
        let hash = self.hasher.hash_one(sql);
        let place = &self.places[hash as usize % PLACES];
        let known = place.fingerprint.load(Relaxed);
        if place.check.load(Relaxed) ^ known == hash {
            return Fingerprint::from_number(known);
        }
        let fingerprint = Fingerprint::of(sql);
        place.fingerprint.store(fingerprint.get(), Relaxed);
        place.check.store(hash ^ fingerprint.get(), Relaxed);
        fingerprint
    }
}

/// The model: `RUSTFLAGS="--cfg perfect21_loom" cargo test --release -p perfect21-db-stats --lib`.
#[cfg(all(test, perfect21_loom))]
mod models {
    use super::*;
    use loom::{sync::Arc, thread};

    #[test]
    fn halves_of_two_writes_are_never_taken_for_a_text() {
        loom::model(|| {
            let texts = Arc::new(Texts::default());
            let other = Arc::clone(&texts);
            let thread = thread::spawn(move || {
                assert_eq!(other.fingerprint("SELECT 1"), Fingerprint::of("SELECT 1"));
            });
            // The second time it may be its own, the other one's, or half of each.
            for _ in 0..2 {
                assert_eq!(texts.fingerprint("SELECT a FROM t"), Fingerprint::of("SELECT a FROM t"));
            }
            assert!(thread.join().is_ok());
        });
    }
}

#[cfg(all(test, not(perfect21_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_its_own_fingerprint_whether_it_was_forgotten_or_not() {
        let texts = Texts::default();
        for _ in 0..2 {
            for n in 0..3 * PLACES {
                let sql = format!("SELECT a_{n}");
                assert_eq!(texts.fingerprint(&sql), Fingerprint::of(&sql));
                assert_eq!(texts.fingerprint(&sql), Fingerprint::of(&sql));
            }
        }
    }
}
