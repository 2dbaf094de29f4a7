use super::learned::Learned;

/// What a pool of buffers keeps: the bytes, of which the first `read` have been taken out.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) bytes: Vec<u8>,
    pub(super) read: usize,
    /// The most bytes it held at once, before it was last emptied.
    peak: usize,
}

/// How many times what is mostly used a buffer may hold and be kept.
const TOO_LARGE: usize = 4;

impl Slot {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), read: 0, peak: 0 }
    }

    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    #[inline]
    pub(super) fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.read..]
    }

    pub(super) fn clear(&mut self) {
        self.truncate(0);
    }

    /// To so many bytes that were not read.
    pub(super) fn truncate(&mut self, unread: usize) {
        self.peak = self.peak.max(self.bytes.len());
        if unread == 0 {
            self.bytes.clear();
            self.read = 0;
        } else {
            self.bytes.truncate(self.read.saturating_add(unread));
        }
    }

    pub(super) fn advance(&mut self, by: usize) {
        assert!(by <= self.unread().len(), "advance by {by} of {} bytes", self.unread().len());
        self.read += by;
        if self.read == self.bytes.len() {
            self.clear();
        }
    }

    #[inline]
    pub(super) fn extend_from_slice(&mut self, bytes: &[u8]) {
        // Each branch by itself: that there is room is then known to the `Vec` too, and not asked twice.
        if bytes.len() <= self.bytes.capacity() - self.bytes.len() {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.make_room(bytes.len());
            self.bytes.extend_from_slice(bytes);
        }
    }

    #[inline]
    pub(super) fn reserve(&mut self, more: usize) {
        if more > self.bytes.capacity() - self.bytes.len() {
            self.make_room(more);
        }
    }

    /// Where bytes were read already, if those are the larger part, so that moving the rest costs no more than reading
    /// them did; else by growing.
    #[cold]
    fn make_room(&mut self, more: usize) {
        if self.read > self.unread().len() {
            self.peak = self.peak.max(self.bytes.len());
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.reserve(more);
    }

    /// Empties it, and says whether it may be kept in the class of `size`.
    pub(super) fn come_back(&mut self, size: usize, largest: usize, learned: &Learned) -> bool {
        self.clear();
        learned.note(std::mem::take(&mut self.peak));
        let capacity = self.bytes.capacity();
        // The second bound asks for what is used by now only where the first one does not hold.
        capacity <= largest && (capacity <= TOO_LARGE * size || capacity <= TOO_LARGE * learned.p99())
    }
}
