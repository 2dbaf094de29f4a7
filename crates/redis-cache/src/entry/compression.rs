use crate::envelope::Rejected;

/// How values are made shorter before they go to the server.
///
/// A value that gets shorter by less than a tenth is kept as it is. Reading needs no setting: an entry says how it was
/// compressed, and is a counted miss to a build without that feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// LZ4: the quickest, in Rust alone.
    #[cfg(feature = "lz4")]
    Lz4,
    /// Zstandard at a level from 1 (quick) to 22 (short); 3 is usual, levels beyond the library's are its nearest. Half as
    /// long as LZ4 on lists of records, in twice the time.
    #[cfg(feature = "zstd")]
    Zstd(i32),
}

#[cfg(feature = "lz4")]
const LZ4: u8 = 1;
#[cfg(feature = "zstd")]
const ZSTD: u8 = 2;

/// The length before compression, in front of the compressed bytes.
const LENGTH: usize = 4;

impl Compression {
    /// Compresses what stands from `payload` on, if that gains; then the number to restore it by.
    #[cfg_attr(
        not(any(feature = "lz4", feature = "zstd")),
        allow(unused_variables, clippy::ptr_arg, reason = "no way is built in")
    )]
    pub(super) fn shorten(self, bytes: &mut Vec<u8>, payload: usize) -> Option<u8> {
        match self {
            #[cfg(feature = "lz4")]
            Self::Lz4 => replace(bytes, payload, LZ4, |plain| Some(lz4_flex::block::compress(plain))),
            #[cfg(feature = "zstd")]
            Self::Zstd(level) => {
                replace(bytes, payload, ZSTD, |plain| zstd::bulk::compress(plain, level).ok())
            }
        }
    }
}

#[cfg(any(feature = "lz4", feature = "zstd"))]
fn replace(
    bytes: &mut Vec<u8>,
    payload: usize,
    id: u8,
    compress: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<u8> {
    let plain = bytes.get(payload..)?;
    let length = u32::try_from(plain.len()).ok()?;
    let packed = compress(plain)?;
    if LENGTH + packed.len() > plain.len() / 10 * 9 {
        return None;
    }
    bytes.truncate(payload);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&packed);
    Some(id)
}

/// What was compressed, if it is at most `max` bytes.
pub(super) fn restore(id: u8, packed: &[u8], max: usize) -> Result<Vec<u8>, Rejected> {
    let (length, packed) = packed.split_first_chunk::<LENGTH>().ok_or(Rejected::Length)?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > max {
        return Err(Rejected::TooLarge);
    }
    let plain = unpack(id, packed, length)?;
    match plain.len() == length {
        true => Ok(plain),
        false => Err(Rejected::Length),
    }
}

/// What the bytes say of their length is believed only as far as the format could have compressed it.
#[cfg_attr(
    not(any(feature = "lz4", feature = "zstd")),
    allow(unused_variables, reason = "no way is built in")
)]
fn unpack(id: u8, packed: &[u8], length: usize) -> Result<Vec<u8>, Rejected> {
    match id {
        // A byte of a match's length stands for 255 bytes.
        #[cfg(feature = "lz4")]
        LZ4 if length <= packed.len().saturating_mul(255) => {
            lz4_flex::block::decompress(packed, length).map_err(|_| Rejected::Length)
        }
        // A block of 4 bytes stands for 128 KiB.
        #[cfg(feature = "zstd")]
        ZSTD if length <= packed.len().saturating_mul(1 << 15) => {
            zstd::bulk::decompress(packed, length).map_err(|_| Rejected::Length)
        }
        #[cfg(feature = "lz4")]
        LZ4 => Err(Rejected::Length),
        #[cfg(feature = "zstd")]
        ZSTD => Err(Rejected::Length),
        _ => Err(Rejected::Codec),
    }
}
