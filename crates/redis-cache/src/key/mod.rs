//! How keys are written.

mod impls;
mod scoped;
#[cfg(test)]
mod tests;

pub use scoped::{ForUser, InSlot};

use sha2::{Digest, Sha256};
use std::{cell::Cell, fmt::Write};

/// What a [`Cache`](crate::Cache) finds its values by.
///
/// Different keys of one type are written differently, and so are keys of different types that look alike. The whole key
/// in Redis is `namespace:cache:key`.
///
/// | key | written |
/// |---|---|
/// | `17`, `-3` | `17`, `-3` |
/// | `"17"`, `"a:b"` | `'17`, `'a%3Ab` |
/// | `'a'` | `c'a` |
/// | `true`, `()` | `true`, `()` |
/// | `None`, `Some(17)` | `none`, `some(17)` |
/// | `(17, "a")` | `(17,'a)` |
/// | `[1, 2]` as array, slice or `Vec` | `list(1,2)` |
/// | bytes: `[u8]`, `Vec<u8>`, `bytes::Bytes` | `x0aff` |
/// | [`ForUser`]`(17, "cart")` | `user(17,'cart)` |
/// | [`InSlot`]`(17, "cart")` | `{17}'cart` |
///
/// A key of which more than 200 bytes would be written is cut, and ends in `#` and the first 128 bits of their SHA-256:
/// also to one who chooses them, two with the same hash cost some 2^64 attempts.
///
/// For a type of one's own, write its parts as a tuple:
/// ```
/// use perfect21_redis_cache::{Key, KeyWriter};
///
/// struct ProductId {
///     shop: u32,
///     number: String,
/// }
///
/// impl Key for ProductId {
///     fn write(&self, writer: &mut KeyWriter) {
///         (self.shop, &self.number).write(writer);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    note = "keys are integers, texts, bytes, bools, chars, options, lists and tuples of them, and types that write themselves as such"
)]
pub trait Key {
    /// Writes the key; equal keys must write the same, different ones must not.
    fn write(&self, writer: &mut KeyWriter);

    /// As [`Hash::hash_slice`](std::hash::Hash::hash_slice), so that bytes are not written as a list of numbers.
    #[doc(hidden)]
    fn write_slice(slice: &[Self], writer: &mut KeyWriter)
    where
        Self: Sized,
    {
        writer.text.push_str("list(");
        for (nth, key) in slice.iter().enumerate() {
            if nth > 0 {
                writer.text.push(',');
            }
            key.write(writer);
        }
        writer.text.push(')');
    }
}

/// Where a [`Key`] writes itself, by way of the keys that it is made of.
#[derive(Debug)]
pub struct KeyWriter {
    text: String,
    /// Where the key begins behind its prefix.
    start: usize,
}

/// The most that is written of a key.
const LONGEST: usize = 200;
/// How much is left of a longer one before its hash.
const BEGINNING: usize = 150;
/// As much, where a hash tag has to follow.
const BEFORE_TAG: usize = 80;
/// The same for what stands in a hash tag.
const LONGEST_TAG: usize = 64;
const TAG_BEGINNING: usize = 31;

impl KeyWriter {
    /// Behind a prefix, in a buffer that was a key before.
    fn reusing(mut buffer: String, prefix: &str) -> Self {
        buffer.clear();
        buffer.push_str(prefix);
        Self { text: buffer, start: prefix.len() }
    }

    fn finish(mut self) -> String {
        let written = &self.text[self.start..];
        if written.len() <= LONGEST {
            return self.text;
        }
        let hash = hash(written);
        match hash_tag(written) {
            // The tag stays whole, as it says where the key lies.
            Some(tag) if tag.end >= BEGINNING => {
                let whole = written[tag.start - 1..=tag.end].to_owned();
                self.text.truncate(self.start + BEFORE_TAG.min(tag.start - 1));
                self.text.push_str(&whole);
            }
            _ => self.text.truncate(self.start + BEGINNING),
        }
        self.text.push_str(&hash);
        self.text
    }

    /// What `write` writes, in braces and not too long.
    fn in_tag(&mut self, write: impl FnOnce(&mut Self)) {
        self.text.push('{');
        let from = self.text.len();
        write(self);
        let written = &self.text[from..];
        if written.len() > LONGEST_TAG {
            let hash = hash(written);
            self.text.truncate(from + TAG_BEGINNING);
            self.text.push_str(&hash);
        }
        self.text.push('}');
    }
}

/// A buffer that is larger is not kept for the next key.
const KEPT_BUFFER: usize = 4096;

/// Looks at a key as it is written, without memory of its own.
pub(crate) fn with_key<K: Key + ?Sized, T>(prefix: &str, key: &K, look: impl FnOnce(&str) -> T) -> T {
    thread_local! {
        static BUFFER: Cell<String> = const { Cell::new(String::new()) };
    }
    // Who looks up a key while one writes itself finds none, and makes another.
    let mut writer = KeyWriter::reusing(BUFFER.take(), prefix);
    key.write(&mut writer);
    let text = writer.finish();
    let seen = look(&text);
    if text.capacity() <= KEPT_BUFFER {
        BUFFER.set(text);
    }
    seen
}

/// `#` and 32 digits. No key writes a `#` else.
fn hash(written: &str) -> String {
    let digest = Sha256::digest(written);
    let mut hash = String::with_capacity(33);
    hash.push('#');
    push_hex(&digest[..16], &mut hash);
    hash
}

fn push_hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(out, "{byte:02x}");
    }
}

/// Writes `text` so that it holds no separator, quote, glob, hash-tag brace or control character.
pub(crate) fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !PLAIN[usize::from(byte)]) {
        out.push_str(&rest[..at]);
        let escaped = rest[at..].chars().next().map_or(0, char::len_utf8);
        for byte in rest[at..at + escaped].bytes() {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
        rest = &rest[at + escaped..];
    }
    out.push_str(rest);
}

/// Bytes that are written as they are.
const PLAIN: [bool; 256] = {
    let (mut plain, mut byte) = ([false; 256], 0_u8);
    while byte < 128 {
        plain[byte as usize] = matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
            | b'-' | b'_' | b'.' | b'~' | b'@' | b'/' | b'+' | b'=');
        byte += 1;
    }
    plain
};

/// A key that lies in the same slot of a cluster as `key`, and is none that a [`KeyWriter`] writes if `suffix` is not.
fn beside(key: &str, suffix: &str) -> String {
    match hash_tag(key) {
        Some(_) => [key, suffix].concat(),
        None => ["{", key, "}", suffix].concat(),
    }
}

/// Where it stands who loads `key`.
pub(crate) fn lease_of(key: &str) -> String {
    beside(key, "!lease")
}

/// Where the part of `key` lies that alone decides on its slot, if not the whole does. As a cluster has it: between the
/// first `{` and the first `}` after it, unless there is nothing between them.
fn hash_tag(key: &str) -> Option<std::ops::Range<usize>> {
    let start = key.find('{')? + 1;
    let length = key[start..].find('}')?;
    (length > 0).then_some(start..start + length)
}
