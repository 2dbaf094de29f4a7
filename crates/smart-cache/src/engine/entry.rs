use crate::{engine::table::Hashed, policy::Mark};

/// What lies in the table: 24 bytes beside key and value.
pub(crate) struct Entry<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
    /// Nanoseconds since the cache was made.
    pub(crate) deadline: u64,
    pub(crate) hash: u32,
    pub(crate) mark: Mark,
    /// As [`Weights`](super::weights::Weights) pack it.
    pub(crate) weight: u32,
    /// The tick of the last hit, where there is a time to idle.
    pub(crate) touched: u32,
}

impl<K, V> Hashed for Entry<K, V> {
    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }
}
