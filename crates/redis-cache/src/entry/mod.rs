//! A value with what the cache has to know of it, as bytes and back.

mod compression;
#[cfg(test)]
mod tests;

pub use compression::Compression;

use crate::{
    Codec, Error, ErrorKind,
    envelope::{self, Head},
};
use bytes::Bytes;
use std::{borrow::Cow, io, sync::Arc};

pub(crate) use envelope::Rejected;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of the codec's bytes, before they are compressed.
    pub(crate) max_value_bytes: usize,
    pub(crate) compression: Option<Compression>,
    /// Values of more bytes are compressed.
    pub(crate) compress_above: usize,
}

/// What is written of an entry beside its value.
pub(crate) struct Stamp<'a> {
    pub(crate) scope: u64,
    pub(crate) written_ms: u64,
    pub(crate) fresh_ms: u64,
    pub(crate) load_us: u32,
    pub(crate) tags: &'a [(Arc<str>, u64)],
}

#[derive(Debug)]
pub(crate) struct Entry<V> {
    /// `None` for what is known to be absent.
    pub(crate) value: Option<V>,
    pub(crate) scope: u64,
    pub(crate) written_ms: u64,
    pub(crate) fresh_ms: u64,
    pub(crate) load_us: u32,
    pub(crate) tags: envelope::Tags,
}

/// The entry's bytes; `None` is what is known to be absent. Encoding stops as soon as the value is too long.
pub(crate) fn encode<V, C: Codec<V> + ?Sized>(
    value: Option<&V>,
    codec: &C,
    limits: &Limits,
    stamp: &Stamp<'_>,
) -> Result<Bytes, Error> {
    let head = Head {
        codec: codec.id(),
        absent: value.is_none(),
        compression: 0,
        schema: codec.schema(),
        scope: stamp.scope,
        written_ms: stamp.written_ms,
        fresh_ms: stamp.fresh_ms,
        load_us: stamp.load_us,
    };
    let Some(bytes) = envelope::start(&head, stamp.tags) else {
        let message = "an entry takes at most 255 tags of at most 255 bytes";
        return Err(Error::new(ErrorKind::TooLarge, message));
    };
    let payload = bytes.len();
    let mut out = Bounded { bytes, room: limits.max_value_bytes, over: 0 };
    if let Some(value) = value
        && let Err(error) = codec.encode(value, &mut out)
    {
        return Err(if out.over > 0 {
            let (max, over) = (limits.max_value_bytes, out.over);
            let message = format!("a value of {} bytes or more is over max_value_bytes = {max}", max + over);
            Error::new(ErrorKind::TooLarge, message)
        } else {
            Error::new(ErrorKind::Encode, "the codec cannot write the value").with_source(error)
        });
    }
    let mut bytes = out.bytes;
    if let Some(compression) = limits.compression
        && bytes.len() - payload > limits.compress_above
        && let Some(id) = compression.shorten(&mut bytes, payload)
    {
        envelope::set_compression(&mut bytes, id);
    }
    envelope::seal(&mut bytes);
    // Entries are kept, by a cache near or in memory: without the room that the vector has to grow.
    Ok(bytes.into_boxed_slice().into())
}

/// The entry in `bytes`; anything else than what [`encode`] made of a `V` is rejected.
pub(crate) fn decode<V, C: Codec<V> + ?Sized>(
    bytes: &[u8],
    codec: &C,
    limits: &Limits,
) -> Result<Entry<V>, Rejected> {
    let (head, tags, payload) = envelope::open(bytes)?;
    if head.codec != codec.id() {
        return Err(Rejected::Codec);
    }
    if head.schema != codec.schema() {
        return Err(Rejected::Schema);
    }
    if payload.len() > limits.max_value_bytes {
        return Err(Rejected::TooLarge);
    }
    let value = if head.absent {
        None
    } else {
        let payload = match head.compression {
            0 => Cow::Borrowed(payload),
            id => Cow::Owned(compression::restore(id, payload, limits.max_value_bytes)?),
        };
        Some(codec.decode(&payload).map_err(|_| Rejected::Type)?)
    };
    let Head { scope, written_ms, fresh_ms, load_us, .. } = head;
    Ok(Entry { value, scope, written_ms, fresh_ms, load_us, tags })
}

/// Takes no more than `room` bytes.
struct Bounded {
    bytes: Vec<u8>,
    room: usize,
    /// By how much the bytes that were refused are more than that.
    over: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        match self.room.checked_sub(more.len()) {
            Some(room) => self.room = room,
            None => {
                self.over = more.len() - self.room;
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
