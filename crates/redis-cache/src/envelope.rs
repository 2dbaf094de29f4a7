//! What stands before a value in Redis, so that nothing else is taken for one.
//!
//! | bytes | numbers are little-endian |
//! |---|---|
//! | 0..2 | `P2` |
//! | 2 | version of the envelope: 2 |
//! | 3 | codec of the payload |
//! | 4 | bit 0: known to be absent, no payload; bits 1 and 2: how the payload is compressed; else 0 |
//! | 5 | number of tags |
//! | 6..10 | CRC-32 of all other bytes |
//! | 10..18 | schema of the payload's type |
//! | 18..26 | scope |
//! | 26..34 | written at, Unix milliseconds |
//! | 34..42 | fresh for so long after that, milliseconds |
//! | 42..46 | how long the load took, microseconds |
//! | 46.. | each tag: a byte with the length of its name, the name, its version in 8 bytes |
//! | | the payload |

use std::sync::Arc;

const MAGIC: [u8; 2] = *b"P2";
const VERSION: u8 = 2;
const ABSENT: u8 = 1;
const HEADER: usize = 46;
const CHECKSUM: std::ops::Range<usize> = 6..10;

/// Why bytes are not a value of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// Something else wrote them: they do not start as ours do, or are not a string at all.
    Foreign,
    /// An envelope of another version.
    Version,
    /// Of another codec, or compressed in a way that this build cannot undo.
    Codec,
    /// Of another type, or of another version of it.
    Schema,
    /// Shorter or longer than they say.
    Length,
    Checksum,
    TooLarge,
    /// The payload is whole, but not of the cache's type.
    Type,
}

/// All but the tags and the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) codec: u8,
    pub(crate) absent: bool,
    /// 0 to 3.
    pub(crate) compression: u8,
    pub(crate) schema: u64,
    pub(crate) scope: u64,
    pub(crate) written_ms: u64,
    pub(crate) fresh_ms: u64,
    pub(crate) load_us: u32,
}

pub(crate) type Tags = Box<[(Arc<str>, u64)]>;

/// For so long a payload there is room from the start; most are no longer.
const ROOM: usize = 256;

/// An envelope without its payload, which is to be appended before [`seal`]; `None` if there are more than 255 tags, or
/// a name is longer than 255 bytes.
pub(crate) fn start(head: &Head, tags: &[(Arc<str>, u64)]) -> Option<Vec<u8>> {
    let long: usize = tags.iter().map(|(name, _)| 1 + name.len() + 8).sum();
    let mut bytes = Vec::with_capacity(HEADER + long + ROOM);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[VERSION, head.codec, flags(head), u8::try_from(tags.len()).ok()?]);
    bytes.extend_from_slice(&[0; CHECKSUM.end - CHECKSUM.start]);
    for number in [head.schema, head.scope, head.written_ms, head.fresh_ms] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&head.load_us.to_le_bytes());
    for (name, version) in tags {
        bytes.push(u8::try_from(name.len()).ok()?);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&version.to_le_bytes());
    }
    Some(bytes)
}

/// Says in an envelope that was started how its payload turned out to be compressed.
pub(crate) fn set_compression(bytes: &mut [u8], compression: u8) {
    if let Some(flags) = bytes.get_mut(4) {
        *flags |= compression << 1;
    }
}

/// Completes an envelope that has its payload.
pub(crate) fn seal(bytes: &mut [u8]) {
    let checksum = checksum(bytes);
    if let Some(place) = bytes.get_mut(CHECKSUM) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The parts of what [`seal`] left.
pub(crate) fn open(bytes: &[u8]) -> Result<(Head, Tags, &[u8]), Rejected> {
    let mut rest = bytes.strip_prefix(&MAGIC).ok_or(Rejected::Foreign)?;
    let [version, codec, flags, tags] = take(&mut rest)?;
    if version != VERSION {
        return Err(Rejected::Version);
    }
    let sum = u32::from_le_bytes(take(&mut rest)?);
    let mut number = || take(&mut rest).map(u64::from_le_bytes);
    let [schema, scope, written_ms, fresh_ms] = [number()?, number()?, number()?, number()?];
    let load_us = u32::from_le_bytes(take(&mut rest)?);
    if sum != checksum(bytes) {
        return Err(Rejected::Checksum);
    }
    if flags > 0b111 {
        return Err(Rejected::Version);
    }
    let tags = (0..tags).map(|_| tag(&mut rest)).collect::<Result<_, _>>()?;
    let (absent, compression) = (flags & ABSENT != 0, flags >> 1);
    if absent && (compression, rest) != (0, &[]) {
        return Err(Rejected::Length);
    }
    Ok((Head { codec, absent, compression, schema, scope, written_ms, fresh_ms, load_us }, tags, rest))
}

fn flags(head: &Head) -> u8 {
    (u8::from(head.absent) * ABSENT) | (head.compression << 1)
}

fn tag(rest: &mut &[u8]) -> Result<(Arc<str>, u64), Rejected> {
    let [length] = take(rest)?;
    let (name, after) = rest.split_at_checked(length.into()).ok_or(Rejected::Length)?;
    *rest = after;
    let name = str::from_utf8(name).map_err(|_| Rejected::Foreign)?;
    Ok((name.into(), u64::from_le_bytes(take(rest)?)))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Rejected> {
    let (taken, after) = rest.split_first_chunk().ok_or(Rejected::Length)?;
    *rest = after;
    Ok(*taken)
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytes.get(..CHECKSUM.start).unwrap_or_default());
    hasher.update(bytes.get(CHECKSUM.end..).unwrap_or_default());
    hasher.finalize()
}
