//! No pool: a block from the allocator and back, of the same size, touched by one write.
#![allow(unsafe_code, reason = "an allocator beside the global one is called by hand")]

use std::alloc::{GlobalAlloc, Layout, System};

use mimalloc::MiMalloc;
use perfect21_bench_mem_pool::{Buffer, Thing};
use tikv_jemallocator::Jemalloc;

use super::{Peer, Usage, stay};

struct Block<A: GlobalAlloc + 'static> {
    allocator: &'static A,
    layout: Layout,
    start: *mut u8,
}

impl<A: GlobalAlloc> Block<A> {
    fn new(allocator: &'static A, layout: Layout) -> Self {
        // SAFETY: no layout here has size zero.
        let start = unsafe { allocator.alloc(layout) };
        assert!(!start.is_null(), "out of memory");
        Self { allocator, layout, start }
    }

    fn touch(&mut self) {
        // SAFETY: the block has at least one byte, and is this one's alone.
        unsafe { self.start.write(1) };
    }
}

impl<A: GlobalAlloc> Drop for Block<A> {
    fn drop(&mut self) {
        // SAFETY: from this allocator, with this layout, and freed once.
        unsafe { self.allocator.dealloc(self.start, self.layout) };
    }
}

/// What the thing has on the heap: a vector its bytes, a struct itself, boxed.
fn layout<T: Thing>() -> Layout {
    if T::NAME == Buffer::NAME { Layout::new::<[u8; 1024]>() } else { Layout::new::<T>() }
}

fn op<T: Thing, A: GlobalAlloc + Sync>(usage: Usage, allocator: &'static A) -> perfect21_bench_support::Op {
    stay(usage, move || Block::new(allocator, layout::<T>()), |block| block.touch())
}

pub(crate) fn glibc<T: Thing>(usage: Usage) -> Peer {
    ("glibc malloc", op::<T, _>(usage, &System))
}

pub(crate) fn jemalloc<T: Thing>(usage: Usage) -> Peer {
    ("jemalloc", op::<T, _>(usage, &Jemalloc))
}

pub(crate) fn mimalloc<T: Thing>(usage: Usage) -> Peer {
    ("mimalloc", op::<T, _>(usage, &MiMalloc))
}
