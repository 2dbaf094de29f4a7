//! temporary
use crate::{Error, ErrorKind, codec::Codec};
use bytes::Bytes;
use std::{io, sync::Arc};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits { pub(crate) max_value_bytes: usize, pub(crate) compression: Option<Compression>, pub(crate) compress_above: usize }
/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {}
pub(crate) struct Stamp<'a> { pub(crate) scope: u64, pub(crate) written_ms: u64, pub(crate) fresh_ms: u64, pub(crate) load_us: u32, pub(crate) tags: &'a [(Arc<str>, u64)] }
pub(crate) struct Entry<V> { pub(crate) value: Option<V>, pub(crate) scope: u64, pub(crate) written_ms: u64, pub(crate) fresh_ms: u64, pub(crate) load_us: u32, pub(crate) tags: Box<[(Arc<str>, u64)]> }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code)]
pub(crate) enum Rejected { Foreign, Version, Codec, Schema, Length, Checksum, TooLarge, Type }

struct Bounded { bytes: Vec<u8>, room: usize, full: bool }
impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        match self.room.checked_sub(more.len()) { Some(room) => self.room = room, None => { self.full = true; return Err(io::ErrorKind::FileTooLarge.into()); } }
        self.bytes.extend_from_slice(more); Ok(more.len())
    }
    fn flush(&mut self) -> io::Result<()> { Ok(()) }
}
const HEADER: usize = 46;
pub(crate) fn encode<V, C: Codec<V> + ?Sized>(value: Option<&V>, codec: &C, limits: &Limits, stamp: &Stamp<'_>) -> Result<Bytes, Error> {
    let _ = (limits.compression, limits.compress_above);
    let mut b = vec![0u8; HEADER];
    b[..2].copy_from_slice(b"P2"); b[2] = 2; b[3] = codec.id(); b[4] = u8::from(value.is_none()); b[5] = stamp.tags.len() as u8;
    b[10..18].copy_from_slice(&codec.schema().to_le_bytes()); b[18..26].copy_from_slice(&stamp.scope.to_le_bytes());
    b[26..34].copy_from_slice(&stamp.written_ms.to_le_bytes()); b[34..42].copy_from_slice(&stamp.fresh_ms.to_le_bytes()); b[42..46].copy_from_slice(&stamp.load_us.to_le_bytes());
    for (tag, version) in stamp.tags { b.push(tag.len() as u8); b.extend_from_slice(tag.as_bytes()); b.extend_from_slice(&version.to_le_bytes()); }
    let mut out = Bounded { bytes: b, room: limits.max_value_bytes, full: false };
    if let Some(value) = value {
        if let Err(error) = codec.encode(value, &mut out) {
            return Err(if out.full { Error::new(ErrorKind::TooLarge, format!("the value is over max_value_bytes = {}", limits.max_value_bytes)) } else { Error::new(ErrorKind::Encode, "the value cannot be written").with_source(error) });
        }
    }
    let mut b = out.bytes;
    let crc = crc32fast::hash(&[&b[..6], &b[10..]].concat());
    b[6..10].copy_from_slice(&crc.to_le_bytes());
    Ok(b.into())
}
pub(crate) fn decode<V, C: Codec<V> + ?Sized>(b: &[u8], codec: &C, limits: &Limits) -> Result<Entry<V>, Rejected> {
    if !b.starts_with(b"P2") { return Err(Rejected::Foreign); }
    if b.len() < HEADER { return Err(Rejected::Length); }
    if b[2] != 2 { return Err(Rejected::Version); }
    if crc32fast::hash(&[&b[..6], &b[10..]].concat()) != u32::from_le_bytes(b[6..10].try_into().unwrap_or_default()) { return Err(Rejected::Checksum); }
    if b[3] != codec.id() { return Err(Rejected::Codec); }
    let u = |at: usize| u64::from_le_bytes(b[at..at + 8].try_into().unwrap_or_default());
    if u(10) != codec.schema() { return Err(Rejected::Schema); }
    let (mut at, mut tags) = (HEADER, Vec::new());
    for _ in 0..b[5] {
        let n = *b.get(at).ok_or(Rejected::Length)? as usize;
        let name = b.get(at + 1..at + 1 + n).ok_or(Rejected::Length)?;
        at += 1 + n; if b.len() < at + 8 { return Err(Rejected::Length); }
        tags.push((std::str::from_utf8(name).map_err(|_| Rejected::Foreign)?.into(), u(at))); at += 8;
    }
    let payload = &b[at..];
    if payload.len() > limits.max_value_bytes { return Err(Rejected::TooLarge); }
    let value = if b[4] & 1 == 1 { None } else { Some(codec.decode(payload).map_err(|_| Rejected::Type)?) };
    Ok(Entry { value, scope: u(18), written_ms: u(26), fresh_ms: u(34), load_us: u32::from_le_bytes(b[42..46].try_into().unwrap_or_default()), tags: tags.into() })
}
