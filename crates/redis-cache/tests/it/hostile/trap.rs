//! What is written under the keys of a cache, and what each of it must come to.

use super::{
    envelope::{Envelope, HEADER},
    values::{Sample, sample},
};
use fastrand::Rng;
use perfect21_redis_cache::{Codec, RejectCounts};
use std::sync::OnceLock;

type Reason = fn(&RejectCounts) -> u64;

pub(crate) const REASONS: [Reason; 8] = [
    |r| r.foreign,
    |r| r.version,
    |r| r.codec,
    |r| r.schema,
    |r| r.length,
    |r| r.checksum,
    |r| r.too_large,
    |r| r.wrong_type,
];
/// In the order of [`REASONS`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Why {
    Foreign,
    Version,
    Codec,
    Schema,
    Length,
    Checksum,
    TooLarge,
    Type,
}

/// What a lookup must come to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Must {
    /// A miss that is counted under this reason.
    Refuse(Why),
    /// A miss that is counted under one of them.
    RefuseSomehow,
    /// A miss because the entry counts no more.
    Outdate,
    Find(Box<Sample>),
}

pub(crate) const MAX_VALUE: usize = 1 << 20;

/// What lies in wait for one codec.
pub(crate) struct Trap<'a, C> {
    pub(crate) codec: &'a C,
    pub(crate) rng: &'a mut Rng,
    /// As the cache itself wrote them, the first one plain.
    pub(crate) entries: Vec<Vec<u8>>,
}

impl<C: Codec<Sample>> Trap<'_, C> {
    fn plain(&self) -> Envelope {
        Envelope::open(&self.entries[0])
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.rng.usize(..=most)).map(|_| self.rng.u8(..)).collect()
    }

    /// What the payload says, if it is a whole value: then it is one, whoever wrote it.
    fn judged(&self, payload: Vec<u8>) -> (Vec<u8>, Must) {
        let must = match self.codec.decode(&payload) {
            Ok(value) => Must::Find(value.into()),
            Err(_) => Must::Refuse(Why::Type),
        };
        (self.plain().with_payload(payload).sealed(), must)
    }

    /// All cuts and flipped bits of an entry.
    pub(crate) fn broken(&self) -> Vec<(Vec<u8>, Must)> {
        let mut cases = Vec::new();
        for entry in &self.entries {
            for end in 0..entry.len() {
                let reason = if end < 2 {
                    Why::Foreign
                } else if end < HEADER {
                    Why::Length
                } else {
                    Why::Checksum
                };
                cases.push((entry[..end].to_vec(), Must::Refuse(reason)));
            }
            for bit in 0..entry.len() * 8 {
                let mut flipped = entry.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let reason =
                    [Why::Foreign, Why::Foreign, Why::Version].get(bit / 8).copied().unwrap_or(Why::Checksum);
                cases.push((flipped, Must::Refuse(reason)));
            }
        }
        cases
    }

    /// One of many kinds, by chance.
    pub(crate) fn any(&mut self) -> (Vec<u8>, Must) {
        match self.rng.u8(..12) {
            0 => {
                let bytes = self.bytes(300);
                let must =
                    if bytes.starts_with(b"P2") { Must::RefuseSomehow } else { Must::Refuse(Why::Foreign) };
                (bytes, must)
            }
            1 => {
                let version = self.rng.u8(..6);
                let rest = self.bytes(300);
                let why = match rest.len() {
                    0..3 => Why::Length,
                    _ if version != 2 => Why::Version,
                    3..43 => Why::Length,
                    _ => Why::Checksum,
                };
                ([b"P2", &[version][..], &rest].concat(), Must::Refuse(why))
            }
            2..7 => self.with_another_head(),
            7..11 => {
                let payload = self.payload();
                self.judged(payload)
            }
            _ => self.packed(),
        }
    }

    fn with_another_head(&mut self) -> (Vec<u8>, Must) {
        let plain = self.plain();
        match self.rng.u8(..5) {
            0 => {
                let codec = self.rng.u8(..);
                let own = codec == self.codec.id();
                let must = if own { Must::Find(sample().into()) } else { Must::Refuse(Why::Codec) };
                (plain.with_byte(3, codec).sealed(), must)
            }
            1 => {
                let flags = self.rng.u8(1..);
                let must = match flags {
                    8.. => Must::Refuse(Why::Version),
                    1 | 3 | 5 | 7 => Must::Refuse(Why::Length),
                    _ => Must::RefuseSomehow,
                };
                (plain.with_byte(4, flags).sealed(), must)
            }
            // So many tags where the payload is.
            2 => (plain.with_byte(5, self.rng.u8(1..)).sealed(), Must::RefuseSomehow),
            3 => {
                let at = self.rng.usize(10..18);
                let head = plain.with_byte(at, plain.head[at] ^ self.rng.u8(1..));
                (head.sealed(), Must::Refuse(Why::Schema))
            }
            _ => {
                let at = self.rng.usize(18..26);
                (plain.with_byte(at, plain.head[at] ^ self.rng.u8(1..)).sealed(), Must::Outdate)
            }
        }
    }

    fn payload(&mut self) -> Vec<u8> {
        let mut payload = self.plain().payload;
        match self.rng.u8(..4) {
            0 => self.bytes(200),
            1 => {
                for _ in 0..self.rng.usize(1..4) {
                    let at = self.rng.usize(..payload.len());
                    payload[at] = self.rng.u8(..);
                }
                payload
            }
            2 => [payload, self.bytes(20)].concat(),
            _ => {
                // The greatest length that each format can say.
                let claim: &[u8] = match self.rng.u8(..3) {
                    0 => &[253, 255, 255, 255, 255, 255, 255, 255, 255],
                    1 => &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
                    _ => &[0, 253, 255, 255, 255, 255, 255, 255, 255, 127],
                };
                let (before, after) = payload.split_at(self.rng.usize(..payload.len()));
                // In the place of one that is shorter, or of something else.
                [before, claim, &after[self.rng.usize(..2)..]].concat()
            }
        }
    }

    /// Said to be compressed.
    fn packed(&mut self) -> (Vec<u8>, Must) {
        let plain = self.plain();
        let how = self.rng.u8(1..4);
        let length = match self.rng.u8(..4) {
            0 => u32::MAX,
            1 => MAX_VALUE as u32,
            2 => self.rng.u32(..2000),
            _ => self.rng.u32(..),
        };
        let packed = match self.rng.bool() {
            true => bomb(how, self.rng.bool()),
            false => self.bytes(300),
        };
        let must =
            if length as usize > MAX_VALUE { Must::Refuse(Why::TooLarge) } else { Must::RefuseSomehow };
        (plain.compressed(how, length, &packed).sealed(), must)
    }
}

/// Zeros, just so many as the cache takes or far more.
fn bomb(how: u8, large: bool) -> Vec<u8> {
    #[cfg_attr(not(any(feature = "lz4", feature = "zstd")), allow(dead_code, reason = "no way is built in"))]
    fn packed(cell: &OnceLock<[Vec<u8>; 2]>, large: bool, pack: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let both = cell.get_or_init(|| [MAX_VALUE, 8 * MAX_VALUE].map(|zeros| pack(&vec![0; zeros])));
        both[usize::from(large)].clone()
    }
    match how {
        #[cfg(feature = "lz4")]
        1 => {
            static LZ4: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
            packed(&LZ4, large, lz4_flex::block::compress)
        }
        #[cfg(feature = "zstd")]
        2 => {
            static ZSTD: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
            packed(&ZSTD, large, |zeros| zstd::bulk::compress(zeros, 1).unwrap())
        }
        _ => vec![0; if large { 400 } else { 40 }],
    }
}
