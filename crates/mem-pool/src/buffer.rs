//! Buffers of bytes by size classes.

mod builder;
mod class;
mod guard;
mod learned;
mod slot;
mod stats;

pub use builder::BufferPoolBuilder;
pub use guard::Buffer;
pub use stats::BufferStats;

use crate::Pool;
use class::Classes;
use learned::Learned;
use slot::Slot;
use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Byte buffers for reading and writing, kept by size: one [`Pool`] for each power of two from 64 B to 1 MiB.
///
/// [`get`](Self::get) learns from what came back how large a buffer should be, [`get_with`](Self::get_with) is told. A
/// buffer that grew to more than four times what 99 % of the uses need (and four times its class) is dropped when it
/// comes back: one large request does not pin its memory for ever. Idle buffers are bounded in number and bytes, decay
/// when they are not needed, and are trimmed under pressure. Nothing is zeroed.
///
/// Clones share the pool; buffers may outlive it.
///
/// ```
/// use perfect21_mem_pool::{BufferPool, Bytes};
/// use std::io::Write;
///
/// let buffers = BufferPool::builder().max_idle_bytes(Bytes::mib(16)).build()?;
/// let mut body = buffers.get();
/// write!(body, "{{\"id\":{}}}", 7)?;
/// let body = body.freeze(); // `bytes::Bytes`, for hyper, axum or a cache
/// assert_eq!(&body[..], br#"{"id":7}"#);
/// drop(body); // the last clone brings the buffer back
/// assert_eq!((buffers.stats().made, buffers.stats().idle), (1, 1));
///
/// let mut page = buffers.get_with(60_000);
/// assert!(page.capacity() >= 60_000);
/// page.resize(4096, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct BufferPool(Arc<Inner>);

struct Inner {
    name: String,
    classes: Classes,
    /// One for each class.
    pools: Box<[Pool<Slot>]>,
    learned: Arc<Learned>,
    oversized: AtomicU64,
}

impl BufferPool {
    /// With the default bounds: buffers up to 1 MiB, 64 MiB idle.
    ///
    /// # Panics
    /// Never: the defaults are valid.
    #[must_use]
    pub fn new() -> Self {
        match Self::builder().build() {
            Ok(pool) => pool,
            Err(error) => unreachable!("{error}"),
        }
    }

    /// Starts from the default bounds.
    pub fn builder() -> BufferPoolBuilder {
        BufferPoolBuilder::new()
    }

    /// An empty buffer of the size that 90 % of the uses stayed within lately.
    #[inline]
    pub fn get(&self) -> Buffer {
        self.get_with(self.0.learned.p90())
    }

    /// An empty buffer that holds at least so many bytes.
    #[inline]
    pub fn get_with(&self, capacity: usize) -> Buffer {
        match self.0.classes.holding(capacity) {
            Some(class) => Buffer::pooled(self.0.pools[class].get_owned()),
            None => self.oversized(capacity),
        }
    }

    /// Its label in metrics.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A handle that does not keep the pool alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakBufferPool {
        WeakBufferPool(Arc::downgrade(&self.0))
    }

    /// Where it lies, as long as any handle is left.
    #[cfg(feature = "watch")]
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    #[cold]
    fn oversized(&self, capacity: usize) -> Buffer {
        self.0.oversized.fetch_add(1, Relaxed);
        Buffer::own(Slot::with_capacity(capacity))
    }
}

impl Default for BufferPool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool")
            .field("name", &self.name())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// A handle of a [`BufferPool`] that does not keep it alive.
#[derive(Clone)]
pub struct WeakBufferPool(Weak<Inner>);

impl WeakBufferPool {
    /// The pool, if any other handle of it is left.
    #[must_use]
    pub fn upgrade(&self) -> Option<BufferPool> {
        self.0.upgrade().map(BufferPool)
    }
}

impl fmt::Debug for WeakBufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakBufferPool").finish_non_exhaustive()
    }
}
