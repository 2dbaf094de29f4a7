//! What a typed cache over Redis costs: our operations, which `ops` measures alone, `versus` beside the clients that are its
//! peers, and `behaviour` at once or under other clients' eyes.
#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, reason = "a bench whose server fails can only end")]

mod cases;
mod codecs;
mod server;
mod value;

pub use cases::{
    TAGS, cache, connect, far_hit, get, get_many, get_read_only, load_hit, near_hit, near_miss, set,
    set_many, set_tagged, smart_hit,
};
pub use codecs::{CODECS, by_codec, redis_key};
pub use server::{closed_loop, in_turn, runtime, server};
pub use value::{Product, TEXT_BYTES, text};

/// So many entries there are of each kind.
pub const KEYS: u64 = 1000;
/// So many keys are asked for at once where there are many.
pub const MANY: u64 = 100;
/// Those who ask at once.
pub const TASKS: u64 = 64;
/// How long entries live: longer than a bench.
pub const TTL: std::time::Duration = std::time::Duration::from_secs(6 * 3600);

/// A key, in an order that the server does not foresee.
#[must_use]
pub const fn key(n: u64) -> u64 {
    n.wrapping_mul(7919) % KEYS
}
