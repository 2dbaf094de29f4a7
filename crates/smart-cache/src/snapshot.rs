//! The entries of a cache in a file, for a warm start: the hottest first, each with the time it has left.
//!
//! ```
//! use perfect21_smart_cache::Cache;
//!
//! /// A key is a number, a value a text.
//! fn encode(key: &u64, value: &String, record: &mut Vec<u8>) {
//!     record.extend_from_slice(&key.to_le_bytes());
//!     record.extend_from_slice(value.as_bytes());
//! }
//!
//! fn decode(record: &[u8]) -> Option<(u64, String)> {
//!     let (key, value) = record.split_first_chunk()?;
//!     Some((u64::from_le_bytes(*key), String::from_utf8(value.to_vec()).ok()?))
//! }
//!
//! let names = Cache::<u64, String>::builder().build()?;
//! names.insert(7, "Ada".to_owned())?;
//! let mut file = Vec::new();
//! names.dump(&mut file, "names 1", encode)?;
//!
//! let after_restart = Cache::<u64, String>::builder().build()?;
//! assert_eq!(after_restart.restore(&file[..], "names 1", decode)?.entries, 1);
//! assert_eq!(after_restart.get(&7).as_deref(), Some("Ada"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Format, version 1
//! `P21SNAP` and a 1; the format's name, its length before it (one byte); milliseconds since 1970. For each entry: its
//! length (4 bytes), the nanoseconds it had left (8 bytes, all ones for ever), how hot it was (1 byte), and what `encode`
//! wrote. At the end a length of all ones. Each of these parts is followed by the CRC-32 of everything before it, so that
//! a record is taken in only if nothing was changed, cut or left out before it. Numbers are little-endian.

use crate::{
    Cache,
    cache::Terms,
    engine::{Claim, Copied},
    policy::Queue,
};
use crc32fast::Hasher;
use std::{
    cmp::Reverse,
    hash::{BuildHasher, Hash},
    io::{self, Read, Write},
    time::{Duration, SystemTime},
};

const MAGIC: &[u8; 8] = b"P21SNAP\x01";
/// A length that ends the file.
const END: u32 = u32::MAX;
/// The longest record that is believed.
const MAX_RECORD: u32 = 256 << 20;
const FOR_EVER: u64 = u64::MAX;

/// What [`Cache::restore`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Restored {
    /// Entries that are in the cache now.
    pub entries: u64,
    /// Entries whose time is over by now.
    pub expired: u64,
    /// Entries of keys that the cache had already.
    pub known: u64,
    /// Entries for which there was no room.
    pub left_out: u64,
}

/// Why [`Cache::restore`] stopped. What it had restored before is right, and stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// It does not begin like a snapshot of this version.
    #[error("this is no snapshot of version 1")]
    Foreign,
    /// It was dumped as something else.
    #[error("this is a snapshot of {found:?}, not of {expected:?}")]
    OtherFormat {
        /// The name in the file.
        found: String,
        /// The name that was asked for.
        expected: String,
    },
    /// It ends too early.
    #[error("the snapshot is cut off after {} entries", restored.entries)]
    Cut {
        /// What was restored before.
        restored: Restored,
    },
    /// Its checksum is not that of its bytes.
    #[error("the snapshot is damaged after {} entries", restored.entries)]
    Damaged {
        /// What was restored before.
        restored: Restored,
    },
    /// `decode` does not understand a record whose checksum is right: the format's name should have changed.
    #[error("a record after {} entries cannot be decoded", restored.entries)]
    Undecodable {
        /// What was restored before.
        restored: Restored,
    },
    /// It cannot be read.
    #[error("the snapshot cannot be read after {} entries", restored.entries)]
    Io {
        /// What was restored before.
        restored: Restored,
        /// What the reader said.
        #[source]
        source: io::Error,
    },
}

impl<K: Hash + Eq, V, S: BuildHasher> Cache<K, V, S> {
    /// Writes all live entries, the hottest first; gives their number. Buffer the writer if its calls cost something.
    ///
    /// `encode` appends key and value to an empty record; `format` names how (and which version of it), and is checked by
    /// [`restore`](Self::restore). All entries are cloned at first, shard by shard; what is written to the cache meanwhile
    /// is in it or not.
    ///
    /// # Errors
    /// Those of the writer; [`InvalidInput`](io::ErrorKind::InvalidInput) if `format` has more than 255 bytes or a record
    /// more than 256 MiB.
    pub fn dump(
        &self,
        writer: impl Write,
        format: &str,
        mut encode: impl FnMut(&K, &V, &mut Vec<u8>),
    ) -> io::Result<u64>
    where
        K: Clone,
        V: Clone,
    {
        let length = u8::try_from(format.len());
        let length = length.map_err(|_| too_long("the format's name", format.len(), 255))?;
        let mut entries: Vec<Copied<K, V>> = self.inner.engine.copies().flatten().collect();
        entries.sort_by_key(|entry| Reverse(entry.heat));
        let mut out = Summed { inner: writer, sum: Hasher::new() };
        out.write(&[MAGIC, &[length], format.as_bytes(), &millis(self.inner.engine.wall()).to_le_bytes()])?;
        let mut record = Vec::new();
        for Copied { key, value, left, heat } in &entries {
            record.clear();
            encode(key, value, &mut record);
            let length = u32::try_from(record.len()).ok().filter(|length| *length <= MAX_RECORD);
            let length = length.ok_or_else(|| too_long("a record", record.len(), MAX_RECORD as usize))?;
            let left = left.map_or(FOR_EVER, |left| u64::try_from(left.as_nanos()).unwrap_or(FOR_EVER));
            out.write(&[&length.to_le_bytes(), &left.to_le_bytes(), &[*heat], &record])?;
        }
        out.write(&[&END.to_le_bytes()])?;
        out.inner.flush()?;
        Ok(entries.len() as u64)
    }

    /// Reads what [`dump`](Self::dump) wrote, the hottest first, until the cache is full. A TTL goes on where it stood,
    /// and the time in between counts.
    ///
    /// Bytes of strangers do no more than fail: records are read as they come, and decoded only when their checksum is
    /// right (which is no signature).
    ///
    /// # Errors
    /// If it is foreign, of another format, cut, damaged or unreadable.
    pub fn restore(
        &self,
        reader: impl Read,
        format: &str,
        mut decode: impl FnMut(&[u8]) -> Option<(K, V)>,
    ) -> Result<Restored, RestoreError> {
        let mut input = Summed { inner: reader, sum: Hasher::new() };
        let away = self.away(input.header(format)?);
        let (mut restored, mut record) = (Restored::default(), Vec::new());
        while let Some((left, heat)) = input.record(&mut record, restored)? {
            let left = (left != FOR_EVER).then(|| Duration::from_nanos(left).saturating_sub(away));
            if left == Some(Duration::ZERO) {
                restored.expired += 1;
                continue;
            }
            let (key, value) = decode(&record).ok_or(RestoreError::Undecodable { restored })?;
            *self.take_in(key, value, left, heat, &mut restored) += 1;
        }
        Ok(restored)
    }

    /// How long it is since the snapshot was made, by the wall clock.
    fn away(&self, made: u64) -> Duration {
        Duration::from_millis(millis(self.inner.engine.wall()).saturating_sub(made))
    }

    fn take_in<'a>(
        &self,
        key: K,
        value: V,
        left: Option<Duration>,
        heat: u8,
        restored: &'a mut Restored,
    ) -> &'a mut u64 {
        let engine = &self.inner.engine;
        let weight = self.inner.weigh(&key, &value);
        // Nothing hotter may leave for it.
        if self.len() >= self.max_entries() || self.bytes().saturating_add(weight) > self.max_bytes() {
            return &mut restored.left_out;
        }
        let place = engine.place(&key);
        if engine.holds(place, &key) {
            return &mut restored.known;
        }
        let terms = Terms { weight, ttl: left, queue: Some(Queue::of_heat(heat)) };
        match self.inner.put_by(place, key, value, &terms, Claim::Write) {
            Ok(_) => &mut restored.entries,
            Err(_) => &mut restored.left_out,
        }
    }
}

/// Bytes with their checksum so far.
struct Summed<T> {
    inner: T,
    sum: Hasher,
}

impl<W: Write> Summed<W> {
    /// The parts, and the checksum of all up to here.
    fn write(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        for part in parts {
            self.sum.update(part);
            self.inner.write_all(part)?;
        }
        self.inner.write_all(&self.sum.clone().finalize().to_le_bytes())
    }
}

impl<R: Read> Summed<R> {
    /// When the snapshot was made.
    fn header(&mut self, expected: &str) -> Result<u64, RestoreError> {
        let foreign = |error: RestoreError| match error {
            RestoreError::Cut { .. } => RestoreError::Foreign,
            error => error,
        };
        let restored = Restored::default();
        if &self.array::<8>(restored).map_err(foreign)? != MAGIC {
            return Err(RestoreError::Foreign);
        }
        let [length] = self.array(restored)?;
        let mut name = Vec::new();
        self.fill(&mut name, u32::from(length), restored)?;
        let made = u64::from_le_bytes(self.array(restored)?);
        self.check(restored)?;
        if name != expected.as_bytes() {
            let found = String::from_utf8_lossy(&name).into_owned();
            return Err(RestoreError::OtherFormat { found, expected: expected.to_owned() });
        }
        Ok(made)
    }

    /// The next record, what it had left and how hot it was; `None` at the end.
    fn record(
        &mut self,
        record: &mut Vec<u8>,
        restored: Restored,
    ) -> Result<Option<(u64, u8)>, RestoreError> {
        let length = u32::from_le_bytes(self.array(restored)?);
        if length == END {
            self.check(restored)?;
            return Ok(None);
        }
        if length > MAX_RECORD {
            return Err(RestoreError::Damaged { restored });
        }
        let left = u64::from_le_bytes(self.array(restored)?);
        let [heat] = self.array(restored)?;
        self.fill(record, length, restored)?;
        self.check(restored)?;
        Ok(Some((left, heat)))
    }

    fn array<const N: usize>(&mut self, restored: Restored) -> Result<[u8; N], RestoreError> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).map_err(|source| stopped(source, restored))?;
        self.sum.update(&bytes);
        Ok(bytes)
    }

    /// Takes memory only for what is really there.
    fn fill(&mut self, bytes: &mut Vec<u8>, length: u32, restored: Restored) -> Result<(), RestoreError> {
        bytes.clear();
        let read = (&mut self.inner).take(length.into()).read_to_end(bytes);
        let read = read.map_err(|source| RestoreError::Io { restored, source })?;
        if read < length as usize {
            return Err(RestoreError::Cut { restored });
        }
        self.sum.update(bytes);
        Ok(())
    }

    fn check(&mut self, restored: Restored) -> Result<(), RestoreError> {
        let mut bytes = [0; 4];
        self.inner.read_exact(&mut bytes).map_err(|source| stopped(source, restored))?;
        let right = u32::from_le_bytes(bytes) == self.sum.clone().finalize();
        if right { Ok(()) } else { Err(RestoreError::Damaged { restored }) }
    }
}

fn stopped(source: io::Error, restored: Restored) -> RestoreError {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => RestoreError::Cut { restored },
        _ => RestoreError::Io { restored, source },
    }
}

fn too_long(what: &str, is: usize, most: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{what} has {is} bytes, and {most} are the most"))
}

fn millis(wall: SystemTime) -> u64 {
    let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
