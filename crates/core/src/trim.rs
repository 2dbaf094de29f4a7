use std::sync::Arc;

/// How short memory is; each level asks for more than the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Pressure {
    /// Nothing is short: give back only what has not been used for a while.
    Routine,
    /// Memory runs low: give back what is idle.
    Elevated,
    /// The next allocation may fail or be killed for: give back all that can be made again.
    Critical,
}

/// What a [`Trim::trim`] gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Trimmed {
    /// Objects dropped.
    pub objects: u64,
    /// Bytes they held, by the part's own account.
    pub bytes: u64,
}

impl Trimmed {
    /// Counts what was dropped.
    #[must_use]
    pub const fn new(objects: u64, bytes: u64) -> Self {
        Self { objects, bytes }
    }
}

impl std::ops::AddAssign for Trimmed {
    fn add_assign(&mut self, other: Self) {
        self.objects = self.objects.saturating_add(other.objects);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// A part that holds memory it could give back: a pool, a cache, a history.
///
/// Called from a watch's thread while the part is in use. It must return soon, and may be called at any level in any
/// order.
pub trait Trim: Send + Sync {
    /// A short name for logs, the same on every call.
    fn name(&self) -> &str;

    /// Gives back memory according to `pressure`.
    fn trim(&self, pressure: Pressure) -> Trimmed;
}

impl<T: Trim + ?Sized> Trim for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        (**self).trim(pressure)
    }
}
