//! A typed cache over Redis, or over memory with the same semantics, that swallows no error.
//!
//! ```
//! use perfect21_redis_cache::{Cache, LoadError, RedisCache};
//! use serde::{Deserialize, Serialize};
//! use std::{io, time::Duration};
//!
//! #[derive(Debug, Clone, Serialize, Deserialize)]
//! struct Product {
//!     name: String,
//!     cents: u64,
//! }
//!
//! async fn read_product(id: u64) -> io::Result<Product> {
//!     Ok(Product { name: format!("product {id}"), cents: 999 })
//! }
//!
//! async fn product(cache: &Cache<u64, Product>, id: u64) -> Result<Product, LoadError<io::Error>> {
//!     cache.get_or_load(&id, move || read_product(id)).await
//! }
//!
//! // RedisCache::builder("redis://127.0.0.1:6379/0").namespace("shop").connect().await? for a server.
//! let redis = RedisCache::in_memory().namespace("shop").build()?;
//! let products = redis.typed::<u64, Product>("product").ttl(Duration::from_secs(600)).build()?;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! assert_eq!(product(&products, 17).await?.cents, 999); // under `shop:product:17` from now on
//! # Ok::<(), LoadError<io::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//! - No call waits longer than its `command_timeout`, except for the user's own load. While the connection is known to
//!   be down, calls fail at once. No write is kept to be sent after an outage.
//! - Every error is typed and counted; an [`ErrorPolicy`] says whether a failed read is an error or a miss. A failed
//!   write is always an error.
//! - Bytes that are not a whole value of this crate are a counted miss, whatever they are.
//! - A [`set`](Cache::set) or [`remove`](Cache::remove) during a load of the same key, in the same process, wins over
//!   what the load brings, and completes even if its caller goes away.
//! - Two different keys of a cache never share an entry; see [`Key`].
//!
//! # Costs
//! One connection, on which commands are pipelined. A hit is one `GET`; a miss with a load is two `GET`s (the second
//! because another load may have ended meanwhile) and one `SET`. An entry costs 12 bytes beside its JSON and its key.
//! Not seen are writes by other processes during a load: what this process loaded is stored for its TTL then.
#![forbid(unsafe_code)]

// What the macros write names the crate by its own name, also inside of it.
#[allow(unused_extern_crates, reason = "used by what macros write")]
extern crate self as perfect21_redis_cache;

#[cfg_attr(
    not(feature = "fred"),
    allow(dead_code, unused_imports, reason = "memory has no servers to speak to")
)]
mod backend;
mod builder;
mod cache;
mod codec;
mod entry;
mod envelope;
mod error;
mod health;
mod key;
mod load;
#[cfg_attr(
    not(feature = "fred"),
    allow(dead_code, unused_imports, reason = "memory has no servers to speak to")
)]
mod near;
mod observe;
mod redis_cache;
mod schema;
mod server_info;
mod stats;
mod sweep;
#[cfg_attr(
    not(feature = "fred"),
    allow(dead_code, unused_imports, reason = "memory has no servers to speak to")
)]
mod transport;
mod version;

#[cfg(feature = "fred")]
pub use builder::Builder;
pub use builder::MemoryBuilder;
pub use cache::{Cache, CacheBuilder, ErrorPolicy, Lookup, Terms};
#[cfg(feature = "bincode")]
pub use codec::Bincode;
#[cfg(feature = "postcard")]
pub use codec::Postcard;
pub use codec::{Codec, CodecError, Json};
pub use entry::Compression;
pub use error::{Error, ErrorKind, LoadError};
pub use health::Health;
pub use key::{ForUser, InSlot, Key, KeyWriter};
pub use load::Loaded;
pub use near::Near;
pub use perfect21_core::{Clock, ConfigError, Observe};
#[cfg(feature = "macros")]
pub use perfect21_macros::Schema;
pub use redis_cache::RedisCache;
pub use schema::{Schema, SchemaWriter};
pub use server_info::ServerInfo;
pub use stats::{ErrorCounts, RejectCounts, Stats};
pub use sweep::{CacheSweep, Janitor, Sweep, Swept};
