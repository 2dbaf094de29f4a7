//! 64 MB in small blocks, which are freed when memory is short.

use perfect21_mem_pool::watch::{Bytes, Pressure, Trim, Trimmed, Watch};
use std::sync::{Arc, Mutex};

struct Blocks(Mutex<Vec<Vec<u8>>>);

impl Trim for Blocks {
    fn name(&self) -> &str {
        "blocks"
    }

    fn trim(&self, _: Pressure) -> Trimmed {
        let blocks = std::mem::take(&mut *self.0.lock().unwrap());
        Trimmed::new(blocks.len() as u64, blocks.iter().map(|block| block.len() as u64).sum())
    }
}

/// Allocates, has it freed, and sees that it left the process.
pub(crate) fn check_that_the_allocator_gives_back() {
    // Below the size that glibc maps for itself, with one block on top that keeps the heap from shrinking by itself.
    let blocks = (0..1000).map(|_| vec![1_u8; 64 << 10]).collect();
    let blocks = Arc::new(Blocks(Mutex::new(blocks)));
    let on_top = vec![1_u8; 64 << 10];
    let watch = Watch::new();
    watch.register(&blocks);
    let cleanup = watch.clean_up(Pressure::Critical);
    assert_eq!(cleanup.trimmed().bytes, 1000 * (64 << 10));
    // Other tests of this process allocate meanwhile, but never so much.
    assert!(cleanup.released().unwrap() > Bytes::mib(30), "{cleanup:?}");
    drop(on_top);
}
