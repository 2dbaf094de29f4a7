//! How a watch holds what it trims: without keeping it alive.

use crate::{BufferPool, Pool, WeakBufferPool, WeakPool};
use perfect21_core::Trim;
use std::sync::{Arc, Weak};

/// What a [`Watch`](super::Watch) can be told of: pools, and everything in an [`Arc`] that is [`Trim`].
///
/// Handles of others, which share their part by an `Arc` inside, implement it by a [`WeakPart`] of their own; or they
/// are put into an `Arc`, and are told to trim for as long as that lives.
pub trait Watched {
    /// A handle that does not keep the part alive.
    fn weakly(&self) -> Box<dyn WeakPart>;
}

/// What a [`Watch`](super::Watch) keeps of a part.
pub trait WeakPart: Send + Sync {
    /// The part; `None` once and for all when it is gone.
    fn upgrade(&self) -> Option<Box<dyn Trim>>;

    /// Where it lies, by which it is known when it is registered again. This handle must keep the place from being
    /// used anew, as a [`Weak`] does.
    fn address(&self) -> usize;
}

impl<T: Trim + 'static> Watched for Arc<T> {
    fn weakly(&self) -> Box<dyn WeakPart> {
        Box::new(Self::downgrade(self))
    }
}

impl<T: Trim + 'static> WeakPart for Weak<T> {
    fn upgrade(&self) -> Option<Box<dyn Trim>> {
        Self::upgrade(self).map(|part| Box::new(part) as Box<dyn Trim>)
    }

    fn address(&self) -> usize {
        self.as_ptr().addr()
    }
}

impl Watched for Arc<dyn Trim> {
    fn weakly(&self) -> Box<dyn WeakPart> {
        Box::new(Arc::downgrade(self))
    }
}

impl WeakPart for Weak<dyn Trim> {
    fn upgrade(&self) -> Option<Box<dyn Trim>> {
        Self::upgrade(self).map(|part| Box::new(part) as Box<dyn Trim>)
    }

    fn address(&self) -> usize {
        self.as_ptr().cast::<()>().addr()
    }
}

/// Parts in a `static` need no counting.
impl<T: Trim> Watched for &'static T {
    fn weakly(&self) -> Box<dyn WeakPart> {
        Box::new(Static(*self))
    }
}

struct Static<T: 'static>(&'static T);

impl<T: Trim> WeakPart for Static<T> {
    fn upgrade(&self) -> Option<Box<dyn Trim>> {
        Some(Box::new(ByReference(self.0)))
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self.0).addr()
    }
}

struct ByReference<T: 'static>(&'static T);

impl<T: Trim> Trim for ByReference<T> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn trim(&self, pressure: perfect21_core::Pressure) -> perfect21_core::Trimmed {
        self.0.trim(pressure)
    }
}

impl<T: Send + 'static> Watched for Pool<T> {
    fn weakly(&self) -> Box<dyn WeakPart> {
        Box::new(Of { weak: self.downgrade(), address: Arc::as_ptr(self.store()).addr() })
    }
}

impl Watched for BufferPool {
    fn weakly(&self) -> Box<dyn WeakPart> {
        Box::new(Of { weak: self.downgrade(), address: self.address() })
    }
}

/// A weak handle and where its pool lies.
struct Of<W> {
    weak: W,
    address: usize,
}

impl<T: Send + 'static> WeakPart for Of<WeakPool<T>> {
    fn upgrade(&self) -> Option<Box<dyn Trim>> {
        self.weak.upgrade().map(|pool| Box::new(pool) as Box<dyn Trim>)
    }

    fn address(&self) -> usize {
        self.address
    }
}

impl WeakPart for Of<WeakBufferPool> {
    fn upgrade(&self) -> Option<Box<dyn Trim>> {
        self.weak.upgrade().map(|pool| Box::new(pool) as Box<dyn Trim>)
    }

    fn address(&self) -> usize {
        self.address
    }
}
