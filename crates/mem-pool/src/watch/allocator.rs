//! glibc keeps freed memory for itself until it is asked for it.
#![allow(unsafe_code, reason = "malloc_trim is a C function; it takes a number and has no safe wrapper")]

/// Makes glibc's `malloc` give free pages back to the kernel, in every arena; elsewhere it does nothing.
///
/// It takes each arena's lock for as long as it walks that arena: tens of microseconds for a small heap, milliseconds
/// for one of gigabytes.
pub(super) fn release_free_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it reads and releases only what the allocator itself holds free, and is thread-safe (malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
}
