use super::{Inner, ReadLane, slot::Slot};
use crate::Pool;
use perfect21_core::ConfigError;
use std::sync::Arc;

/// Settings of a [`ReadLane`]; made by [`ReadLane::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until .build()"]
pub struct ReadLaneBuilder {
    pool: Pool,
    connections: usize,
}

impl ReadLaneBuilder {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool, connections: 2 }
    }

    /// Over how many connections; about as many as the server has CPUs for them. Default: 2.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Makes it; connections are opened when they are needed.
    ///
    /// # Errors
    /// If there are no connections or more than 64, or the pool goes through a transaction pooler, whose sessions cannot be
    /// made read-only.
    pub fn build(self) -> Result<ReadLane, ConfigError> {
        if !(1..=64).contains(&self.connections) {
            return Err(ConfigError::new("connections", self.connections, "must be from 1 to 64"));
        }
        if self.pool.shared().settings.pooler {
            let rule = "needs sessions of its own: a pool without behind_transaction_pooler";
            return Err(ConfigError::new("pool", self.pool.name(), rule));
        }
        let slots = (0..self.connections).map(|_| Slot::default()).collect();
        Ok(ReadLane(Arc::new(Inner { pool: self.pool, slots })))
    }
}
