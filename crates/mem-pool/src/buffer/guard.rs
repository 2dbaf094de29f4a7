#![allow(unsafe_code, reason = "`BufMut` is an unsafe trait; every method is that of the `Vec` inside")]

use super::slot::Slot;
use crate::PooledOwned;
use bytes::{Buf, BufMut, Bytes, buf::UninitSlice};
use std::{
    fmt, io,
    ops::{Deref, DerefMut},
};

/// A buffer of a [`BufferPool`](crate::BufferPool), in use; it goes back when this is dropped, or the last clone of what
/// [`freeze`](Self::freeze) gave.
///
/// It reads and writes as its users expect: [`io::Write`] and [`BufMut`] append and grow it, [`io::Read`] and [`Buf`]
/// take bytes from its front, and it derefs to the bytes that were not taken. It can be sent to other threads, and may
/// outlive its pool.
///
/// ```
/// use perfect21_mem_pool::BufferPool;
/// use std::io::{Read, Write};
///
/// let pool = BufferPool::new();
/// let mut buffer = pool.get();
/// write!(buffer, "hello {}", 1)?;
/// let mut word = [0; 6];
/// buffer.read_exact(&mut word)?;
/// assert_eq!((&word, &buffer[..]), (b"hello ", &b"1"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a buffer that is not used goes back at once"]
pub struct Buffer(Home);

enum Home {
    Pooled(PooledOwned<Slot>),
    /// Larger than any class.
    Own(Slot),
}

impl Buffer {
    pub(super) fn pooled(slot: PooledOwned<Slot>) -> Self {
        Self(Home::Pooled(slot))
    }

    pub(super) fn own(slot: Slot) -> Self {
        Self(Home::Own(slot))
    }

    /// How many bytes it holds without growing, those that were read included.
    #[must_use]
    #[inline]
    pub fn capacity(&self) -> usize {
        self.slot().bytes.capacity()
    }

    /// Makes room for so many bytes more.
    #[inline]
    pub fn reserve(&mut self, more: usize) {
        self.slot_mut().reserve(more);
    }

    /// Appends bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.slot_mut().extend_from_slice(bytes);
    }

    /// Makes it so many bytes long, counted from the first unread one: shorter, or longer by `value`s. For readers that
    /// want a slice to fill.
    pub fn resize(&mut self, len: usize, value: u8) {
        let now = self.len();
        if len <= now {
            self.truncate(len);
        } else {
            self.reserve(len - now);
            let slot = self.slot_mut();
            let whole = slot.read + len;
            slot.bytes.resize(whole, value);
        }
    }

    /// Cuts it to so many unread bytes, if there are more.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.slot_mut().truncate(len);
        }
    }

    /// Empties it and keeps its memory.
    #[inline]
    pub fn clear(&mut self) {
        self.slot_mut().clear();
    }

    /// Hands its unread bytes out as [`Bytes`], without copying; the buffer goes back to the pool when the last clone
    /// or slice of them is dropped, on whichever thread.
    ///
    /// Costs the one small allocation of [`Bytes::from_owner`].
    ///
    /// ```
    /// use perfect21_mem_pool::BufferPool;
    ///
    /// let pool = BufferPool::new();
    /// let mut buffer = pool.get();
    /// buffer.extend_from_slice(b"hello world");
    /// let bytes = buffer.freeze();
    /// let word = bytes.slice(6..);
    /// drop(bytes);
    /// assert_eq!((&word[..], pool.stats().idle), (&b"world"[..], 0));
    /// drop(word);
    /// assert_eq!(pool.stats().idle, 1);
    /// ```
    #[must_use]
    pub fn freeze(self) -> Bytes {
        if self.is_empty() { Bytes::new() } else { Bytes::from_owner(self) }
    }

    /// Takes the unread bytes out of the pool for good.
    #[must_use]
    pub fn detach(self) -> Vec<u8> {
        let mut slot = match self.0 {
            Home::Pooled(slot) => PooledOwned::detach(slot),
            Home::Own(slot) => slot,
        };
        if slot.read > 0 {
            slot.bytes.drain(..slot.read);
        }
        slot.bytes
    }

    #[inline]
    fn slot(&self) -> &Slot {
        match &self.0 {
            Home::Pooled(slot) => slot,
            Home::Own(slot) => slot,
        }
    }

    #[inline]
    fn slot_mut(&mut self) -> &mut Slot {
        match &mut self.0 {
            Home::Pooled(slot) => slot,
            Home::Own(slot) => slot,
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.slot().unread()
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        self.slot_mut().unread_mut()
    }
}

impl AsRef<[u8]> for Buffer {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for Buffer {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl io::Write for Buffer {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Read for Buffer {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = io::Read::read(&mut &**self, into)?;
        self.slot_mut().advance(read);
        Ok(read)
    }
}

impl io::BufRead for Buffer {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self)
    }

    #[inline]
    fn consume(&mut self, read: usize) {
        self.slot_mut().advance(read);
    }
}

impl Buf for Buffer {
    #[inline]
    fn remaining(&self) -> usize {
        self.len()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self
    }

    #[inline]
    fn advance(&mut self, by: usize) {
        self.slot_mut().advance(by);
    }
}

// SAFETY: the unwritten part and how far it was written are those of the `Vec`, whose own implementation answers.
unsafe impl BufMut for Buffer {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.slot().bytes.remaining_mut()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, by: usize) {
        // SAFETY: the caller has written so many bytes to what `chunk_mut` gave, which was the `Vec`'s.
        unsafe { self.slot_mut().bytes.advance_mut(by) }
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        let slot = self.slot_mut();
        if slot.bytes.len() == slot.bytes.capacity() {
            slot.reserve(64);
        }
        slot.bytes.chunk_mut()
    }

    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
