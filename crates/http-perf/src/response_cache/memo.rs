//! Two small tables by the hash of a key, of fixed size: which keys not to wait for, and which URIs were changed.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const SEATS: usize = 4096;
const TAG_BITS: u32 = 24;

/// Keys whose answers were not storable a while ago: each of their requests goes to the service at once, as one that
/// waited for another's answer would get nothing (known as hit-for-miss).
///
/// 32 KiB. It forgets where two keys meet, and mistakes one in 2²⁴ of these for the other: both cost no more than
/// a wait or a call.
#[derive(Debug)]
pub(super) struct NotWorthWaiting(Box<[AtomicU64]>);

impl NotWorthWaiting {
    pub(super) fn new() -> Self {
        Self((0..SEATS).map(|_| AtomicU64::new(0)).collect())
    }

    /// From `now` for a while; `now` counts from the making of the cache.
    pub(super) fn note(&self, hash: u64, now: Duration) {
        const WHILE: Duration = Duration::from_secs(10);
        let until = (now + WHILE).as_millis() as u64;
        self.seat(hash).store(until << TAG_BITS | tag(hash), Ordering::Relaxed);
    }

    pub(super) fn holds(&self, hash: u64, now: Duration) -> bool {
        let noted = self.seat(hash).load(Ordering::Relaxed);
        noted & ((1 << TAG_BITS) - 1) == tag(hash) && u128::from(noted >> TAG_BITS) > now.as_millis()
    }

    pub(super) fn forget(&self, hash: u64) {
        let seat = self.seat(hash);
        if seat.load(Ordering::Relaxed) != 0 {
            seat.store(0, Ordering::Relaxed);
        }
    }

    fn seat(&self, hash: u64) -> &AtomicU64 {
        &self.0[hash as usize % SEATS]
    }
}

fn tag(hash: u64) -> u64 {
    hash >> (64 - TAG_BITS)
}

const STRIPES: usize = 512;

/// How often something was changed, by URI: what was asked for before a change must not be stored after it.
///
/// 8 KiB. URIs that share a stripe overtake each other's answers: these are asked for once more.
#[derive(Debug)]
pub(super) struct Changes(Box<[Mutex<u64>]>);

impl Changes {
    pub(super) fn new() -> Self {
        Self((0..STRIPES).map(|_| Mutex::new(0)).collect())
    }

    /// Locked, so that a store and a change of one URI come one after the other.
    pub(super) fn lock(&self, hash: u64) -> MutexGuard<'_, u64> {
        self.0[hash as usize % STRIPES].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As if every URI had been changed.
    pub(super) fn all(&self) {
        for stripe in &self.0 {
            *stripe.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_ends_and_can_be_forgotten() {
        let table = NotWorthWaiting::new();
        let (hash, at) = (0x1234_5678_9abc_def0, Duration::from_secs(5));
        assert!(!table.holds(hash, at));
        table.note(hash, at);
        assert!(table.holds(hash, at + Duration::from_millis(9_999)));
        assert!(!table.holds(hash ^ 1 << 63, at), "another key on the same seat");
        assert!(!table.holds(hash, at + Duration::from_secs(10)));
        table.note(hash, at);
        table.forget(hash);
        assert!(!table.holds(hash, at));
    }
}
