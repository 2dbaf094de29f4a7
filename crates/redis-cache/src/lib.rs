//! A typed, tagged, two-tier cache over Redis, or over memory with the same semantics, that is never stale by accident.
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
//!   be down, or too many calls in a row got no answer, calls fail at once. No write is kept to be sent after an outage.
//! - Every error is typed and counted; an [`ErrorPolicy`] says whether a failed read is an error, a miss, or what this
//!   process had last. A failed write is always an error.
//! - Bytes that are not a whole value of the cache's own type are a counted miss, whatever they are.
//! - A value that is not there is loaded once, however many callers wait, in this process and in others. A
//!   [`set`](Cache::set), [`remove`](Cache::remove), [`invalidate`](RedisCache::invalidate) or [`clear`](Cache::clear) during
//!   the load wins over what it brings, whichever process it comes from.
//! - Two different keys of a cache never share an entry; see [`Key`].
//!
//! # Two tiers
//! With a [`Near`] cache the process holds what it read, decoded, and the server tells it of every change over a connection of
//! its own (`CLIENT TRACKING`, Redis 6 and later; for servers that refuse it, see [`Changes::Published`]):
//!
//! | | how old an answer can be |
//! |---|---|
//! | this process's own writes, once they have returned | not at all |
//! | another process's write, invalidation or clear; expiry; `FLUSHALL` | until the server's word is here |
//! | after a lost connection that is noticed | not at all: everything is void at once, unless [`Near::stale_window`] allows it |
//! | after one that is lost without a word | [`ping_interval`](Builder::ping_interval) and a `command_timeout`, in all |
//!
//! [`RedisCache::near_stats`] says what is held and what it was told; as metrics, with those of the servers, by [`Observe`] of
//! [`RedisCache`] and [`ServerWatch`]. A cache of bytes is the second tier of a `Loader` of smart-cache, too (see [`Raw`]).
//!
//! # Servers
//! One server, a cluster, whoever leads behind sentinels, over TCP, TLS (feature `tls`) or a Unix socket; [`Builder`] has the URLs.
//! `fred` finds the servers and has all commands in a cluster. Where one server has all keys, their commands go over connections
//! of our own, on which each takes a third of the time that it takes as a custom command of fred's; and what is held near is read
//! over such in any case, since fred drops the message that all keys were flushed, ends its listener at the first burst of
//! changes, and does not ask to be told again after a reconnect. All of them speak RESP3 (Redis 6); where `MULTI` is not allowed, all
//! that is not held near goes by fred. Scripts must be allowed (`EVAL`). Tests run on Redis 7.0.
//!
//! # Costs
//! Three connections to each server, on which commands are pipelined: for keys, for what is heard of changes, and fred's; one less in
//! a cluster, and with [`Changes::Unheard`]. A hit is one `GET`. A set is one step without a script, in a cluster one with; with tags
//! there is a script before it for their versions. A miss with a load is the `GET`, the lease, the versions, and one call that
//! fills. An entry takes 46 bytes beside its value, its key, and 9 bytes and its name for each tag.
//! Versions are small keys of the namespace (`shop:#clear`, `shop:#tag:'x`); those of tags end some time after the last
//! entry that was stored with them.
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
mod server;
mod stats;
mod sweep;
mod sync;
mod tier;
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
pub use codec::{Codec, CodecError, Json, Raw};
pub use entry::Compression;
pub use error::{Error, ErrorKind, LoadError};
pub use health::Health;
pub use key::{ForUser, InSlot, Key, KeyWriter};
pub use load::Loaded;
pub use near::{Changes, Near, NearStats};
pub use perfect21_core::{Clock, ConfigError, Inspect, Observe};
#[cfg(feature = "macros")]
pub use perfect21_macros::{Schema, cached};
pub use redis_cache::RedisCache;
pub use schema::{Schema, SchemaWriter};
pub use server::{ServerInfo, ServerWatch, ServersRead};
pub use stats::{ErrorCounts, RejectCounts, Stats};
pub use sweep::{CacheSweep, Janitor, Sweep, Swept};
