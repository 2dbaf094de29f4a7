use super::{Answer, Found, Transport, Write};
use crate::{
    Error, ErrorKind,
    fence::{FullKey, WriteTurn},
};
use bytes::Bytes;
use perfect21_core::{Observe, Visitor};
use perfect21_smart_cache::Cache;
use std::{
    future::{pending, ready},
    hash::RandomState,
};

/// A server that is not there: the same answers out of a bounded map. No future of it ever waits.
pub(crate) struct Memory {
    /// Hashed so that who chooses keys cannot make them collide.
    entries: Cache<FullKey, Bytes, RandomState>,
}

impl Memory {
    pub(crate) fn new(entries: Cache<FullKey, Bytes, RandomState>) -> Self {
        Self { entries }
    }
}

impl Transport for Memory {
    fn get<'a>(&'a self, key: &'a FullKey) -> Answer<'a, Found> {
        Box::pin(ready(Ok(self.entries.get(key).map_or(Found::Nothing, Found::Value))))
    }

    fn write(&self, key: FullKey, write: Write, turn: WriteTurn) -> Answer<'static, bool> {
        let written =
            match write {
                Write::Remove => Ok(self.entries.remove(&key).is_some()),
                Write::Set { value, ttl } => match self.entries.insert_with_ttl(key, value, ttl) {
                    Ok(()) => Ok(true),
                    Err(full) => Err(Error::new(ErrorKind::TooLarge, "the value does not fit into memory")
                        .with_source(full)),
                },
            };
        drop(turn);
        Box::pin(ready(written))
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn time_out(&self) -> Answer<'static, ()> {
        Box::pin(pending())
    }

    fn is_connected(&self) -> bool {
        true
    }

    fn observe(&self, visitor: &mut dyn Visitor) {
        self.entries.observe(visitor);
    }
}
