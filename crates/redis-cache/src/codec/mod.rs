//! In which format values are written.

mod json;

pub use json::Json;

use std::{error::Error, fmt, io};

/// Turns values into bytes and back.
pub trait Codec<V>: Send + Sync + 'static {
    /// Stands in the envelope, so that bytes of another format are not taken for it: 1 is JSON; those from 128 on are the
    /// user's.
    fn id(&self) -> u8;

    /// Tells types apart whose bytes may look alike; 0 where the format does that itself.
    fn schema(&self) -> u64;

    /// Writes a value; `out` refuses more than the cache's `max_value_bytes`.
    ///
    /// # Errors
    /// If the format cannot say the value, or `out` is full.
    fn encode(&self, value: &V, out: &mut dyn io::Write) -> Result<(), CodecError>;

    /// The value that these bytes are, all of them. Whatever they are, it must not panic, nor allocate much more than they
    /// are long.
    ///
    /// # Errors
    /// If they are no value of the type.
    fn decode(&self, bytes: &[u8]) -> Result<V, CodecError>;
}

/// Why a [`Codec`] could not do it.
#[derive(Debug)]
pub struct CodecError(Box<dyn Error + Send + Sync>);

impl CodecError {
    /// With its cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the codec failed")
    }
}

impl Error for CodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
