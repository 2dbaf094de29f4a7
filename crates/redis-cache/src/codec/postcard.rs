use super::bounded::Bounds;
use crate::{Codec, CodecError, Schema, schema};
use postcard::Deserializer;
use serde::{
    Serialize,
    de::{DeserializeOwned, DeserializeSeed},
};
use std::io;

/// postcard: the shortest, for types with a [`Schema`].
///
/// Values nested more than 128 deep, or with more than 65 536 entries that take no bytes, are written but not read again.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "only a name")]
pub struct Postcard;

impl<V: Schema + Serialize + DeserializeOwned> Codec<V> for Postcard {
    fn id(&self) -> u8 {
        3
    }

    fn schema(&self) -> u64 {
        schema::hash::<V>()
    }

    fn encode(&self, value: &V, out: &mut dyn io::Write) -> Result<(), CodecError> {
        postcard::to_io(value, out)?;
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, CodecError> {
        let mut deserializer = Deserializer::from_bytes(bytes);
        let value = Bounds::new(bytes.len()).whole().deserialize(&mut deserializer)?;
        match deserializer.finalize()?.len() {
            0 => Ok(value),
            rest => Err(CodecError::new(format!("{rest} bytes after the value"))),
        }
    }
}
