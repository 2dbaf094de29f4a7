//! The seam: where values are kept, whoever keeps them.
//!
//! Loads, single flight, tags, memoisation and fail-safe need little of what holds the values: a [`Store`]. Our own
//! [`Cache`](crate::Cache) is one. For who wants another order of eviction there are strict LRU (`Lru`, feature `lru`)
//! and moka's `TinyLFU` with its timers (`Moka`, feature `moka`), and a store of your own is seven methods.
//! [`Backed`] makes it a cache that loads:
//!
//! ```
//! # #[cfg(feature = "lru")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use perfect21_smart_cache::{Backed, Lru};
//!
//! let sizes = Backed::new(Lru::new(1000)?);
//! assert_eq!(sizes.get_or_load_blocking("oak table", || 160), 160);
//! assert_eq!(sizes.get(&"oak table"), Some(160));
//! assert!(sizes.bounds().exact);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "lru"))]
//! # fn main() {}
//! ```

mod arc;
mod backed;
#[cfg(feature = "lru")]
mod lru;
#[cfg(feature = "moka")]
mod moka;
mod own;
mod under_way;

#[cfg(feature = "lru")]
pub use self::lru::Lru;
#[cfg(feature = "moka")]
pub use self::moka::{Moka, Timed};
pub use backed::Backed;

use crate::Full;
use perfect21_core::{Pressure, Trimmed};
use std::time::Duration;

/// Where values are kept, bounded, and which of them leave.
///
/// Values come out as clones. What is dropped, weighed or told to listeners runs without locks in the stores of this
/// crate, and better does in others.
pub trait Store<K, V>: Send + Sync {
    /// The value under `key`, if it is there and has not expired. It is a use, by which the store may order its values.
    fn get(&self, key: &K) -> Option<V>;

    /// Puts a value in, if `may` says so; gives whether it did.
    ///
    /// `may` is asked once no other change of the key can come between its answer and the value: this is how a load is
    /// kept from overwriting what was written after it began. It is short, and does not call the store. `ttl` is how long
    /// the value lives at the most; `None` is as long as the store keeps any.
    ///
    /// # Errors
    /// [`Full`] gives a value back that there is no room for. What was under the key is gone then: it is out of date.
    fn insert_if(
        &self,
        key: K,
        value: V,
        ttl: Option<Duration>,
        may: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Full<V>>;

    /// Takes the value under `key` out.
    fn remove(&self, key: &K) -> Option<V>;

    /// Takes all values out.
    fn clear(&self);

    /// Shows each live value to `look`, in no order. What is written meanwhile is seen or not; it is no use of a value.
    fn for_each(&self, look: &mut dyn FnMut(&K, &V));

    /// Entries held now, as far as the store knows.
    fn len(&self) -> usize;

    /// Whether it holds nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it holds at the most.
    fn bounds(&self) -> Bounds;

    /// Gives memory back: at [`Pressure::Critical`] all of it, and at less what can be spared. Default: all or nothing.
    fn trim(&self, pressure: Pressure) -> Trimmed {
        if pressure < Pressure::Critical {
            return Trimmed::default();
        }
        let held = self.len() as u64;
        self.clear();
        Trimmed::new(held, 0)
    }
}

/// What a [`Store`] holds at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "whoever writes a store makes one")]
pub struct Bounds {
    /// Entries, if they are bound.
    pub max_entries: Option<usize>,
    /// Bytes as it weighs them, if they are bound.
    pub max_bytes: Option<u64>,
    /// Whether the bounds hold at every instant, seen from any thread. Where not, it may hold more for a while.
    pub exact: bool,
}
