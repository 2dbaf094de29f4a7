//! What a typed cache over Redis costs: our operations, which `ops` measures alone, `versus` beside the clients that are its
//! peers, and `behaviour` once, or under other clients' eyes.
#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, reason = "a bench whose server fails can only end")]

mod codecs;
mod near;
mod remote;
mod server;
mod value;

pub use codecs::{CODECS, by_codec, redis_key};
pub use near::{near_hit, near_hit_by_task, near_load_hit, smart_hit};
pub use remote::{
    TAGS, connect, filled, get, get_by_reader, get_many, get_many_of_json, get_of_json, load_hit, near_miss,
    set, set_many, set_tagged, texts,
};
pub use server::{closed_loop, in_turn, loop_of, runtime, server};
pub use value::{Product, VALUE_BYTES, entries, entry, hundred, text};

/// So many entries there are of each kind.
pub const KEYS: u64 = 10_000;
/// So many keys are asked for at once where there are many.
pub const MANY: u64 = 100;
/// Those who ask at once.
pub const TASKS: u64 = 64;
/// How long entries live: longer than a bench.
pub const TTL: std::time::Duration = std::time::Duration::from_secs(6 * 3600);

/// A key, in an order that nobody foresees.
#[must_use]
pub const fn key(n: u64) -> u64 {
    n.wrapping_mul(7919) % KEYS
}
