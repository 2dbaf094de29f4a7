//! What a pool, its statistics and a query cache cost: our operations, which `ops` measures alone and `versus` beside the peer.
#![forbid(unsafe_code)]

mod fingerprint;
mod pool;
mod statistics;

pub use fingerprint::{LONG, SHORT, fingerprint, normalized};
pub use pool::{
    CONNECTIONS, LOOKUP, ROWS, TASKS, cached, cached_by_many, checkout, closed_loop, contended, in_turn, key,
    lane, lookup, lookups, pool, runtime, server,
};
pub use statistics::{by_text, clock, held, observed, one_off, other_held, slow_statements};
