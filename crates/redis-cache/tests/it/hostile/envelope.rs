//! Entries as the documentation describes them, written by somebody who knows it and means no good.

const CHECKSUM: std::ops::Range<usize> = 6..10;
pub(crate) const HEADER: usize = 46;

/// The bytes of an entry without its tags, to be changed and sealed again.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) head: [u8; HEADER],
    pub(crate) payload: Vec<u8>,
}

impl Envelope {
    /// Of an entry that has no tags.
    pub(crate) fn open(entry: &[u8]) -> Self {
        assert_eq!(entry[5], 0, "no tags");
        Self { head: entry[..HEADER].try_into().unwrap(), payload: entry[HEADER..].to_vec() }
    }

    pub(crate) fn sealed(&self) -> Vec<u8> {
        let mut bytes = [&self.head[..], &self.payload].concat();
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[..CHECKSUM.start]);
        hasher.update(&bytes[CHECKSUM.end..]);
        bytes[CHECKSUM].copy_from_slice(&hasher.finalize().to_le_bytes());
        bytes
    }

    pub(crate) fn with_payload(&self, payload: impl Into<Vec<u8>>) -> Self {
        Self { head: self.head, payload: payload.into() }
    }

    pub(crate) fn with_byte(&self, at: usize, byte: u8) -> Self {
        let mut other = self.clone();
        other.head[at] = byte;
        other
    }

    /// Said to be compressed in a way, to a length.
    pub(crate) fn compressed(&self, how: u8, length: u32, packed: &[u8]) -> Self {
        self.with_byte(4, how << 1).with_payload([&length.to_le_bytes()[..], packed].concat())
    }
}
