use crate::{Codec, CodecError};
use bytes::Bytes;
use std::io;

/// Bytes as they are: for what is in a format of its own already, and for the second tier of
/// [`Loader`](perfect21_smart_cache::Loader)s, which a `Cache<str, Bytes>` [is](crate::Cache#impl-RemoteTier-for-Cache<str,+Bytes>).
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "only a name")]
pub struct Raw;

impl Codec<Bytes> for Raw {
    fn id(&self) -> u8 {
        4
    }

    fn schema(&self) -> u64 {
        0
    }

    fn encode(&self, value: &Bytes, out: &mut dyn io::Write) -> Result<(), CodecError> {
        Ok(out.write_all(value)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Bytes, CodecError> {
        Ok(Bytes::copy_from_slice(bytes))
    }
}
