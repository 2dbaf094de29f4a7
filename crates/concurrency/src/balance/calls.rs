use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The requests that an endpoint has, that it has answered, and that were given up: one write each.
///
/// In one number, as each request changes two of them: 24 bits for those in flight, 40 for those that are over.
#[derive(Default)]
pub(super) struct Calls {
    both: AtomicU64,
    given_up: AtomicU64,
}

const OVER: u64 = 1 << 24;

impl Calls {
    pub(super) fn begin(&self) {
        self.both.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self) {
        self.both.fetch_add(OVER - 1, Relaxed);
    }

    pub(super) fn give_up(&self) {
        self.given_up.fetch_add(1, Relaxed);
        self.end();
    }

    #[allow(clippy::cast_possible_truncation, reason = "24 bits")]
    pub(super) fn in_flight(&self) -> u32 {
        (self.both.load(Relaxed) % OVER) as u32
    }

    /// Those that are over, and how many of them were given up.
    pub(super) fn over(&self) -> (u64, u64) {
        let given_up = self.given_up.load(Relaxed);
        (self.both.load(Relaxed) / OVER, given_up)
    }
}
