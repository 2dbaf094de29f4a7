use crate::{Codec, CodecError};
use serde::{Serialize, de::DeserializeOwned};
use std::io;

/// JSON: for any type of serde, readable by other languages, and by later versions of the type as far as serde goes.
///
/// Floats come back bit by bit, but what is not finite becomes `null`, and then is no float any more. Values nested more
/// than 128 deep are written but not read again.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "only a name")]
pub struct Json;

impl<V: Serialize + DeserializeOwned> Codec<V> for Json {
    fn id(&self) -> u8 {
        1
    }

    fn schema(&self) -> u64 {
        0
    }

    fn encode(&self, value: &V, out: &mut dyn io::Write) -> Result<(), CodecError> {
        Ok(serde_json::to_writer(out, value)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, CodecError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
