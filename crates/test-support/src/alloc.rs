//! A global allocator that counts, for tests such as "no allocation after the warm-up".
#![allow(
    unsafe_code,
    reason = "a global allocator is an unsafe trait; every call goes to the system's as it came"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ops::Sub,
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

/// The system's allocator with counters, per thread and for the process.
///
/// Two relaxed additions for each allocation; nothing is allocated for the counting itself.
///
/// # Examples
///
/// ```
/// use perfect21_test_support::alloc::{self, Counting};
///
/// #[global_allocator]
/// static ALLOCATOR: Counting = Counting::new();
///
/// let mut buffer = Vec::with_capacity(100); // the warm-up
/// let ((), counts) = alloc::during(|| buffer.extend_from_slice(&[7; 100]));
/// assert_eq!(counts.allocations, 0);
/// drop(buffer);
/// ```
#[derive(Debug, Default)]
pub struct Counting(());

impl Counting {
    /// For a `static` with `#[global_allocator]`.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

/// What was allocated, since the thread or the process began or between two looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Allocations; a reallocation is one.
    pub allocations: u64,
    /// Bytes asked for in them; for a reallocation its whole new size.
    pub bytes: u64,
    /// Bytes allocated less bytes freed. Below zero where a thread frees what another one allocated.
    pub live: i64,
}

impl Counts {
    /// Of the calling thread.
    ///
    /// ```
    /// use perfect21_test_support::alloc::Counts;
    ///
    /// let before = Counts::thread();
    /// // … the code in question …
    /// let spent = Counts::thread() - before;
    /// assert_eq!(spent.allocations, 0);
    /// ```
    #[must_use]
    pub fn thread() -> Self {
        THREAD.try_with(Cell::get).unwrap_or_default()
    }

    /// Of all threads together; the three numbers are read one after the other.
    #[must_use]
    pub fn process() -> Self {
        Self { allocations: ALLOCATIONS.load(Relaxed), bytes: BYTES.load(Relaxed), live: LIVE.load(Relaxed) }
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            allocations: self.allocations.wrapping_sub(before.allocations),
            bytes: self.bytes.wrapping_sub(before.bytes),
            live: self.live.wrapping_sub(before.live),
        }
    }
}

/// Runs `code` and gives what the calling thread allocated in it.
///
/// # Panics
///
/// When [`Counting`] is not the process's global allocator: nothing would be counted, and every test would pass.
pub fn during<T>(code: impl FnOnce() -> T) -> (T, Counts) {
    let probe = Counts::thread();
    drop(std::hint::black_box(Box::new(0_u8)));
    assert!(
        Counts::thread().allocations > probe.allocations,
        "no `#[global_allocator] static ALLOCATOR: Counting` in this program: nothing is counted"
    );
    let before = Counts::thread();
    let result = code();
    (result, Counts::thread() - before)
}

thread_local! {
    // Const and without a destructor: touching it neither allocates nor registers anything.
    static THREAD: Cell<Counts> = const { Cell::new(Counts { allocations: 0, bytes: 0, live: 0 }) };
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

fn count(allocations: u64, bytes: usize, live: i64) {
    let _ = THREAD.try_with(|counts| {
        let mut now = counts.get();
        now.allocations += allocations;
        now.bytes += bytes as u64;
        now.live += live;
        counts.set(now);
    });
    ALLOCATIONS.fetch_add(allocations, Relaxed);
    BYTES.fetch_add(bytes as u64, Relaxed);
    LIVE.fetch_add(live, Relaxed);
}

/// A layout's size is at most `isize::MAX`.
fn signed(size: usize) -> i64 {
    size as i64
}

// SAFETY: each method hands its arguments to `System` unchanged and returns what that returns; counting neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout` is passed on.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            count(1, layout.size(), signed(layout.size()));
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout` is passed on.
        let block = unsafe { System.alloc_zeroed(layout) };
        if !block.is_null() {
            count(1, layout.size(), signed(layout.size()));
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, 0, -signed(layout.size()));
        // SAFETY: the caller's promise that `block` came from here with `layout` holds for `System` too.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promises about `block`, `layout` and `new_size` are passed on.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if !moved.is_null() {
            count(1, new_size, signed(new_size) - signed(layout.size()));
        }
        moved
    }
}
