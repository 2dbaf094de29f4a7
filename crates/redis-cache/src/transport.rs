//! The few commands that a cache needs, so that what speaks them can be replaced.

#[cfg(feature = "fred")]
pub(crate) mod fred;
pub(crate) mod memory;

use crate::{
    Error,
    fence::{FullKey, WriteTurn},
};
use bytes::Bytes;
use perfect21_core::Visitor;
use std::{pin::Pin, time::Duration};

pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// What stands under a key.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    Value(Bytes),
    /// Something that is not a string.
    #[cfg(feature = "fred")]
    Other,
}

pub(crate) enum Write {
    Set { value: Bytes, ttl: Duration },
    Remove,
}

/// No call lasts longer than the time-out, or waits for a connection that is known to be down.
pub(crate) trait Transport: Send + Sync {
    fn get<'a>(&'a self, key: &'a FullKey) -> Answer<'a, Found>;

    /// Goes on when the caller no longer waits, and holds `turn` until it has ended. Says whether there was a value
    /// to remove.
    fn write(&self, key: FullKey, write: Write, turn: WriteTurn) -> Answer<'static, bool>;

    /// Asks the server for a sign of life.
    fn ping(&self) -> Answer<'_, ()>;

    /// Fails when a call has lasted as long as it may.
    fn time_out(&self) -> Answer<'static, ()>;

    fn is_connected(&self) -> bool;

    /// Numbers of its own.
    fn observe(&self, visitor: &mut dyn Visitor);
}
