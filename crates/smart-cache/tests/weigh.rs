//! The sizes that `Weigh` reports match the allocator's counts. In a process of its own for its global allocator.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use perfect21_smart_cache::{Cache, Weigh};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    borrow::Cow,
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

struct Counting;

thread_local!(static HELD: Cell<isize> = const { Cell::new(0) });

#[allow(unsafe_code, reason = "an allocator that counts")]
// SAFETY: the system's, with a count beside.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size() as isize);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        // SAFETY: the caller's.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What is said and what is held.
fn weighed<T: Weigh>(make: impl FnOnce() -> T) -> (usize, usize) {
    let before = HELD.get();
    let value = make();
    ((value.heap_size()), (HELD.get() - before) as usize)
}

#[test]
fn strings_vectors_and_boxes_are_weighed_exactly() {
    for (said, held) in [
        weighed(|| 7_u64),
        weighed(|| String::with_capacity(100)),
        weighed(|| vec![1_u32; 10]),
        weighed(|| vec!["a".repeat(10), String::new()]),
        weighed(|| vec![Some(vec![1_u8; 3]), None]),
        weighed(|| Box::new([1_u64; 4])),
        weighed(|| Box::<str>::from("hello")),
        weighed(|| Arc::<str>::from("hello word")),
        weighed(|| Arc::new(vec![1_u8; 9])),
        weighed(|| ("ab".to_owned(), vec![1_u16], 3_u8)),
        weighed(|| [String::from("a"), String::from("bcd")]),
        weighed(|| VecDeque::from([vec![1_u8], vec![2, 3]])),
        weighed(|| Cow::<str>::Owned("abc".to_owned())),
        weighed(|| Cow::Borrowed("abc")),
        weighed(|| Ok::<String, u8>("abc".to_owned())),
    ] {
        // `Arc<str>` is rounded up to its alignment.
        assert!(held >= said && held - said < 8, "said {said}, held {held}");
    }
}

#[test]
fn maps_are_weighed_within_a_third() {
    for (said, held) in [
        weighed(|| (0..1000).map(|n| (n, n)).collect::<HashMap<u64, u64>>()),
        weighed(|| (0..1000).map(|n| n.to_string()).collect::<HashSet<String>>()),
        weighed(|| (0..1000).map(|n| (n, n)).collect::<BTreeMap<u64, u64>>()),
        weighed(|| (0..1000).map(|n| n.to_string()).collect::<BTreeSet<String>>()),
    ] {
        let ratio = said as f64 / held as f64;
        assert!((0.75..1.34).contains(&ratio), "said {said}, held {held}");
    }
}

#[test]
fn a_cache_is_bounded_by_what_its_entries_own() {
    let cache = Cache::<String, Vec<u8>>::builder().max_bytes(10_000).weigh().build().unwrap();
    for n in 0..100 {
        cache.insert(format!("{n:010}").into_boxed_str().into_string(), vec![0; 500]).unwrap();
    }
    let each = (10 + 500 + size_of::<(String, Vec<u8>)>()) as u64;
    assert_eq!((cache.bytes(), cache.len() as u64), (10_000 / each * each, 10_000 / each));
}
