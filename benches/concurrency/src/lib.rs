//! What limits, bounded gathers, batches, thread pools and picks cost: our operations, which `ops` measures alone and
//! `versus` beside the peers.
#![forbid(unsafe_code)]

pub mod limit;
pub mod simulation;
