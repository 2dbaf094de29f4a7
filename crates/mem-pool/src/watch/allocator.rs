//! Allocators keep freed memory for themselves until they are asked for it.
#![allow(unsafe_code, reason = "C functions; they take names and numbers and have no safe wrappers")]

/// Makes the allocators that are built in give free pages back to the kernel: glibc's `malloc`, where that is the C
/// library, and by feature jemalloc and mimalloc. One that is not in use has nothing to give.
///
/// It takes each arena's lock for as long as it walks that arena: tens of microseconds for a small heap, milliseconds
/// for one of gigabytes.
pub(super) fn release_free_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it reads and releases only what the allocator itself holds free, and is thread-safe (malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
    #[cfg(feature = "jemalloc")]
    purge_jemalloc();
    #[cfg(feature = "mimalloc")]
    // SAFETY: as for glibc; any thread may call it, for its own heap and what ended threads have left.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

/// What the calling thread caches goes to its arena first. 4096 is `MALLCTL_ARENAS_ALL`.
#[cfg(feature = "jemalloc")]
fn purge_jemalloc() {
    for command in [c"thread.tcache.flush", c"arena.4096.purge"] {
        let nothing = std::ptr::null_mut();
        // SAFETY: both commands read and write nothing (jemalloc(3)), and the name ends with a zero. A build without
        // thread caches refuses the first, and need not be told.
        unsafe {
            tikv_jemalloc_sys::mallctl(command.as_ptr(), nothing, nothing.cast(), nothing, 0);
        }
    }
}
