//! What is wrong, by looking at what was seen: pure functions, one a file.

mod access;
mod bloat;
mod cache_hit;
mod checkpoints;
mod connections;
mod dead_tuples;
mod duplicate_index;
pub(super) mod foreign_key;
mod invalid_constraint;
mod invalid_index;
mod lock_wait;
mod long_transaction;
mod primary_key;
pub(super) mod regression;
mod sequence;
mod slot;
pub(super) mod slow_statement;
mod statistics;
mod temp_files;
mod unused_index;
mod words;
mod wraparound;

pub(super) use words::{bytes, count, millis, rows, seconds};

use super::{Advice, Thresholds, snapshot::Snapshot};

type Check = fn(&Snapshot, &Thresholds) -> Vec<Advice>;

/// All but those that look at two snapshots, or ask the server.
pub(super) const ALL: [Check; 20] = [
    access::check,
    bloat::check,
    cache_hit::check,
    checkpoints::check,
    connections::check,
    dead_tuples::check,
    duplicate_index::check,
    foreign_key::check,
    invalid_constraint::check,
    invalid_index::check,
    lock_wait::check,
    long_transaction::check,
    primary_key::check,
    sequence::check,
    slot::check,
    slow_statement::check,
    statistics::check,
    temp_files::check,
    unused_index::check,
    wraparound::check,
];
