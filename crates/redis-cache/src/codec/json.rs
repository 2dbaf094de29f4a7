use super::{Codec, CodecError};
use serde::{Serialize, de::DeserializeOwned};
use std::io;

/// JSON, for any type of serde: readable by other programs and other versions of the type.
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
        serde_json::to_writer(out, value).map_err(CodecError::new)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, CodecError> {
        serde_json::from_slice(bytes).map_err(CodecError::new)
    }
}
