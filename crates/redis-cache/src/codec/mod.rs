//! In which format values are written.

#[cfg(feature = "bincode")]
mod bincode;
#[cfg(any(feature = "bincode", feature = "postcard"))]
mod bounded;
mod error;
mod json;
#[cfg(feature = "postcard")]
mod postcard;
mod raw;

#[cfg(feature = "bincode")]
pub use bincode::Bincode;
pub use error::CodecError;
pub use json::Json;
#[cfg(feature = "postcard")]
pub use postcard::Postcard;
pub use raw::Raw;

use std::io;

/// Turns values into bytes and back.
///
/// | codec | id | feature | types | bytes of a user profile of 11 fields |
/// |---|---|---|---|---|
/// | [`Json`] | 1 | | any of serde | 279 |
/// | `Bincode` | 2 | `bincode`, a default | those with a [`Schema`](crate::Schema) | 131 |
/// | `Postcard` | 3 | `postcard` | those with a [`Schema`](crate::Schema) | 123 |
/// | [`Raw`] | 4 | | `Bytes` | |
///
/// One of one's own, here for texts:
/// ```
/// use perfect21_redis_cache::{Codec, CodecError};
/// use std::io::Write;
///
/// struct Text;
///
/// impl Codec<String> for Text {
///     fn id(&self) -> u8 {
///         128
///     }
///
///     fn schema(&self) -> u64 {
///         0
///     }
///
///     fn encode(&self, value: &String, out: &mut dyn Write) -> Result<(), CodecError> {
///         Ok(out.write_all(value.as_bytes())?)
///     }
///
///     fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
///         Ok(std::str::from_utf8(bytes)?.to_owned())
///     }
/// }
/// ```
pub trait Codec<V>: Send + Sync + 'static {
    /// What stands for the format before the bytes, so that those of another are not taken for it: below 128 is this
    /// crate's, from 128 on the user's own.
    fn id(&self) -> u8;

    /// What stands for the type before the bytes, where those of another type may look like its own; else 0.
    fn schema(&self) -> u64;

    /// Writes a value. `out` refuses more than the cache's `max_value_bytes`.
    ///
    /// # Errors
    /// If the format cannot say the value, or `out` refuses it.
    fn encode(&self, value: &V, out: &mut dyn io::Write) -> Result<(), CodecError>;

    /// Reads a value, for which it needs all bytes.
    ///
    /// Anyone who may write to the server chooses them, though a checksum keeps out what is not meant to be a value: it
    /// must neither panic, nor allocate much more than they are long, nor trust their depth.
    ///
    /// # Errors
    /// If the bytes are not a value of the type.
    fn decode(&self, bytes: &[u8]) -> Result<V, CodecError>;
}
