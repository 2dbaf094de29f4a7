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
//! `len() <= max_entries` and `bytes() <= max_bytes` hold at every instant, seen from any thread: room is made before a
//! value goes in, and a value that is heavier than the whole cache is given back as [`Full`]. What goes first is what
//! was least recently used. An entry that has expired is never returned; it makes room when it is asked for, when it
//! becomes the least recently used, or in a [`trim`](perfect21_core::Trim::trim).
//!
//! # Costs
//! One mutex guards all entries: `get`, `insert` and `remove` are O(1) under it, and what they drop is dropped outside
//! of it. So that this stays cheap, values are cloned out: put an `Arc` around what is not small. Beside key, value and
//! what these own, an entry costs 24 bytes of its own, 16 of links, a heap block's head and about 18 of hash table.
//! Nothing here needs an async runtime, a thread or a timer.
#![forbid(unsafe_code)]

mod builder;
mod cache;
mod error;
pub mod flight;
mod load;
mod observe;
mod stats;
mod table;
mod trim;

pub use builder::Builder;
pub use cache::Cache;
pub use error::Full;
pub use flight::Flight;
pub use perfect21_core::{Clock, ConfigError, Observe, Pressure, Trim, Trimmed};
pub use stats::Stats;
