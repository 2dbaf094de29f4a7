//! An in-process cache bounded in entries and bytes, with a single-flight loader.
//!
//! ```
//! use perfect21_smart_cache::Cache;
//! use std::{sync::Arc, time::Duration};
//!
//! let pages = Cache::<String, Arc<str>>::builder()
//!     .name("pages")
//!     .max_entries(1000)
//!     .max_bytes(100 << 20)
//!     .weigher(|path, page| (path.len() + page.len()) as u64)
//!     .ttl(Duration::from_secs(60))
//!     .build()?;
//!
//! pages.insert("/".to_owned(), "<h1>welcome</h1>".into())?;
//! assert_eq!(pages.get("/").as_deref(), Some("<h1>welcome</h1>"));
//! assert_eq!(pages.stats().hits, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Bounds
//! `len() <= max_entries` and `bytes() <= max_bytes` hold at every instant, seen from any thread, for any number of
//! shards: room is made before a value goes in. Entries are bound by a budget of each shard, and these add up exactly;
//! bytes by one account that all shards share, so that a value may be as heavy as the whole cache. What is heavier is
//! given back as [`Full`]. Both bounds can be changed while the cache is used ([`Cache::resize`]).
//!
//! What goes first is decided by the queues of S3-FIFO, with a share of newcomers that is learnt from what was evicted too
//! early. An entry that has expired is never returned; it makes room when it is asked for, when its turn comes, when
//! writes pass by, or in a [`sweep`](Cache::sweep) or [`trim`](perfect21_core::Trim::trim). Nothing here needs an async
//! runtime, a thread or a timer.
//!
//! # Loads
//! [`get_or_load`](Cache::get_or_load) asks for a missing value once, however many callers wait, and
//! [`try_get_or_load`](Cache::try_get_or_load) where that can fail; both have a form for threads that
//! [block](Cache::try_get_or_load_blocking), and [`get_many_or_load`](Cache::get_many_or_load) brings all that is missing of
//! many keys by one call. A write during a load wins, and a leader that goes away or panics hands over. A [`Loader`] lives
//! with sources that are slow or down, and may have a [remote tier](remote) behind it. What is made from the value before
//! goes by its [`entry`](Cache::entry).
//!
//! # Other stores
//! Loads need little of what holds the values: a [`Store`]. [`Backed`] loads into another one than ours, and a [`Loader`] and
//! `#[memoize]` take one too; strict LRU and moka are there by feature.
//!
//! # Costs
//! A cache of up to 1023 entries is one shard; a larger one has a shard for at least 512 entries each, and at most 16 for
//! each CPU (their number rounded up to a power of two). A hit is a hash, one locked instruction, a probe and a clone,
//! without allocation: about 11 ns for `u64` to `u64` in a cache of 100 000 entries, 0.83 of `quick_cache`. A miss and an
//! insert into a full cache take 100 to 200 ns, 2.5 to 3.2 of `quick_cache`: an entry lies in the table itself, which makes
//! hits fast and evictions touch more memory. Who has a TTL or a time to idle reads the clock too. Values are cloned out
//! under the lock of a shard, so put an `Arc` around what is not small. Weighers, listeners and drops run without any lock.
//!
//! An entry costs 24 bytes beside key and value, 4 for what left lately, about 9 for its place in a queue, and a third for
//! free places of the hash table: a full cache of a million `u64` to `u64` takes 69 bytes of heap an entry, 16 of which are
//! key and value. A [miss curve](Builder::miss_curve) costs 5 % of a hit.
//!
//! These are of the benches in `benches/smart-cache`, on a machine with two cores.

// What the macros write names the crate by its own name, also inside of it.
#[allow(unused_extern_crates, reason = "used by what macros write")]
extern crate self as perfect21_smart_cache;

mod builder;
mod cache;
mod curve;
mod engine;
mod entry;
mod error;
pub mod flight;
pub mod freshness;
mod janitor;
mod load;
pub mod loader;
pub mod memo;
mod observe;
mod policy;
pub mod remote;
pub mod runtime;
pub mod snapshot;
mod stats;
pub mod store;
mod sync;
pub mod tag;
mod trim;
mod weigh;

pub use builder::Builder;
pub use cache::Cache;
pub use curve::{CurvePoint, MissCurve};
pub use engine::gone::Cause;
pub use entry::Entry;
pub use equivalent::Equivalent;
pub use error::Full;
pub use flight::Flight;
pub use foldhash::fast::RandomState as Hasher;
pub use freshness::Freshness;
pub use janitor::Janitor;
pub use loader::Loader;
pub use perfect21_core::{Clock, ConfigError, Observe, Pressure, Trim, Trimmed};
#[cfg(feature = "macros")]
pub use perfect21_macros::{Weigh, memoize};
pub use remote::RemoteTier;
pub use runtime::Runtime;
pub use stats::Stats;
#[cfg(feature = "lru")]
pub use store::Lru;
#[cfg(feature = "moka")]
pub use store::Moka;
pub use store::{Backed, Bounds, Store};
pub use tag::Tags;
pub use weigh::Weigh;
