use super::bounded::Bounds;
use crate::{Codec, CodecError, Schema, schema};
use bincode::{
    config::{self, Config},
    serde::{encode_into_std_write, seed_decode_from_slice},
};
use serde::{Serialize, de::DeserializeOwned};
use std::io;

/// bincode 2: quick, and half as long as JSON, for types with a [`Schema`].
///
/// bincode is no longer maintained (RUSTSEC-2025-0141). What is known of its faults is kept from it here: no length is
/// trusted before the bytes are there, depth is bounded, and bytes of another type or with a rest are refused. Values
/// nested more than 128 deep, or with more than 65 536 entries that take no bytes, are written but not read again.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "only a name")]
pub struct Bincode;

/// Against it bincode counts a number as in memory: up to 16 bytes for one that is written. So it is 16 times the longest
/// value of a cache where the address space allows; nothing is allocated by it.
const LIMIT: usize = if usize::BITS < 64 { i32::MAX as usize } else { 512_000_000 * 16 };

fn config() -> impl Config {
    config::standard().with_limit::<LIMIT>()
}

impl<V: Schema + Serialize + DeserializeOwned> Codec<V> for Bincode {
    fn id(&self) -> u8 {
        2
    }

    fn schema(&self) -> u64 {
        schema::hash::<V>()
    }

    fn encode(&self, value: &V, mut out: &mut dyn io::Write) -> Result<(), CodecError> {
        encode_into_std_write(value, &mut out, config())?;
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, CodecError> {
        let (value, read) = seed_decode_from_slice(Bounds::new(bytes.len()).whole(), bytes, config())?;
        match bytes.len() - read {
            0 => Ok(value),
            rest => Err(CodecError::new(format!("{rest} bytes after the value"))),
        }
    }
}
