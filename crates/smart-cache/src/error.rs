use std::{error::Error, fmt};

/// A value that no room was found for. Gives the value back.
///
/// It alone is heavier than the cache; or, in a cache whose bytes are bound by a weigher, so many other inserts held
/// bytes at the same time that none were left for it, which takes values of about the size of the cache.
#[non_exhaustive]
pub struct Full<V> {
    /// The value that was not taken.
    pub value: V,
    /// What the weigher said of it.
    pub weight: u64,
    /// What the cache holds at most.
    pub max_bytes: u64,
}

impl<V> fmt::Display for Full<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { weight, max_bytes, .. } = self;
        if weight > max_bytes {
            write!(f, "a value of {weight} bytes is over the cache's bound of {max_bytes} bytes")
        } else {
            write!(f, "no room for a value of {weight} bytes: other inserts hold most of {max_bytes} bytes")
        }
    }
}

impl<V> fmt::Debug for Full<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Full")
            .field("weight", &self.weight)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

impl<V> Error for Full<V> {}
