use std::fmt;

/// A value that no eviction could make room for: it alone is heavier than the cache. Gives the value back.
#[derive(thiserror::Error)]
#[error("a value of {weight} bytes is over the cache's bound of {max_bytes} bytes")]
#[non_exhaustive]
pub struct Full<V> {
    /// The value that was not taken.
    pub value: V,
    /// What the weigher said of it.
    pub weight: u64,
    /// What the cache holds at most.
    pub max_bytes: u64,
}

impl<V> fmt::Debug for Full<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Full")
            .field("weight", &self.weight)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}
