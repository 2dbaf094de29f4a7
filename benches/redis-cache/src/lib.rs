//! What a typed cache over Redis costs: our operations, which `ops` measures alone and `versus` beside the peers.
#![forbid(unsafe_code)]

mod near;
mod place;
mod remote;

pub use near::{near_get, near_get_by_task, near_get_or_load, smart_cache_get};
pub use place::{KEYS, TASKS, closed_loop, in_turn, key_of, runtime, server, value};
pub use remote::{MANY, cache, get, get_by_one, get_many, redis_cache, set, set_many, set_tagged};
