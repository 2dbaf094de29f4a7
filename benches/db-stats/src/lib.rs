//! What fingerprints and statistics cost: our operations, which `ops` measures alone and `versus` beside the peer.
#![forbid(unsafe_code)]

mod fingerprint;
mod statistics;

pub use fingerprint::{LONG, SHORT, fingerprint, normalized};
pub use statistics::{by_text, clock, held, observed, one_off, other_held, slow_statements};
