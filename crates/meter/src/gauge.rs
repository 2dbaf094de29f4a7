use std::sync::atomic::{AtomicI64, Ordering};

/// A whole number that goes up and down: requests in flight, connections open, bytes held.
///
/// One atomic of 8 bytes, so that a set and an add of two threads meet in one order. Shares and seconds are better
/// computed from whole numbers when they are read.
///
/// ```
/// use perfect21_meter::Gauge;
///
/// static IN_FLIGHT: Gauge = Gauge::new();
///
/// IN_FLIGHT.add(3);
/// IN_FLIGHT.add(-1);
/// assert_eq!(IN_FLIGHT.value(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Makes a gauge at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// Sets the value.
    #[inline]
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to the value; takes away what is negative.
    #[inline]
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    /// The value now.
    #[inline]
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
