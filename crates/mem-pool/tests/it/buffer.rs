//! Buffers read, write, grow, and come back as their users expect.

use bytes::{Buf, BufMut, Bytes};
use perfect21_mem_pool::{Buffer, BufferPool, BufferPoolBuilder};
use proptest::prelude::*;
use std::{
    io::{BufRead, Read, Write},
    thread,
};

#[test]
fn a_buffer_holds_what_is_asked_for() {
    let pool = BufferPool::new();
    for capacity in [0, 1, 64, 65, 4096, 100_000, 1 << 20] {
        let buffer = pool.get_with(capacity);
        assert!(buffer.capacity() >= capacity.max(64) && buffer.is_empty(), "{capacity}");
    }
    assert_eq!(pool.get().capacity(), 1024);
    let stats = pool.stats();
    assert_eq!((stats.live, stats.idle, stats.oversized), (6, 6, 0), "0, 1 and 64 are the same buffer");
}

#[test]
fn what_came_back_is_empty_and_handed_out_again() {
    let pool = BufferPool::new();
    let mut buffer = pool.get_with(5000);
    buffer.extend_from_slice(&[7; 5000]);
    buffer.advance(10);
    let place = buffer.as_ptr().wrapping_sub(10);
    drop(buffer);
    let again = pool.get_with(8192);
    assert_eq!((again.len(), again.as_ptr()), (0, place));
    assert_eq!((pool.stats().made, pool.stats().hits), (1, 1));
}

#[test]
fn one_larger_than_every_class_is_made_for_one_use() {
    let pool = BufferPool::builder().max_buffer(4096).build().unwrap();
    let mut buffer = pool.get_with(4097);
    buffer.extend_from_slice(b"x");
    assert_eq!(buffer.freeze(), "x");
    let stats = pool.stats();
    assert_eq!((stats.oversized, stats.made, stats.idle), (1, 0, 0));
}

#[test]
fn reading_takes_from_the_front_and_writing_appends() {
    let pool = BufferPool::new();
    let mut buffer = pool.get();
    buffer.write_all(b"one\ntwo\nthree").unwrap();
    let mut line = String::new();
    buffer.read_line(&mut line).unwrap();
    assert_eq!((line.as_str(), &buffer[..]), ("one\n", &b"two\nthree"[..]));
    assert_eq!(buffer.get_u8(), b't');
    buffer.put_u16(0x2121);
    buffer.flush().unwrap();
    let mut rest = Vec::new();
    buffer.read_to_end(&mut rest).unwrap();
    assert_eq!(
        (rest.as_slice(), buffer.remaining(), buffer.has_remaining()),
        (&b"wo\nthree!!"[..], 0, false)
    );
    assert_eq!(buffer.read(&mut [0; 4]).unwrap(), 0);
}

#[test]
fn room_that_was_read_is_used_again_before_a_buffer_grows() {
    let pool = BufferPool::new();
    let mut buffer = pool.get_with(1024);
    let capacity = buffer.capacity();
    for _ in 0..1000 {
        buffer.extend_from_slice(&[1; 700]);
        buffer.advance(690);
        buffer.truncate(10);
    }
    assert_eq!((buffer.capacity(), buffer.len()), (capacity, 10));
}

#[test]
fn a_queue_through_a_buffer_grows_it_once() {
    let pool = BufferPool::new();
    let mut buffer = pool.get_with(1024);
    buffer.extend_from_slice(&[1; 900]);
    for _ in 0..10_000 {
        buffer.extend_from_slice(&[1; 100]);
        buffer.advance(100);
    }
    assert!(buffer.len() == 900 && buffer.capacity() <= 2048, "{buffer:?}");
}

#[test]
#[should_panic(expected = "advance by 3 of 2 bytes")]
fn to_take_more_than_there_is_panics() {
    let mut buffer = BufferPool::new().get();
    buffer.extend_from_slice(b"ab");
    buffer.advance(3);
}

#[test]
fn a_frozen_buffer_comes_back_with_the_last_clone_on_any_thread() {
    let pool = BufferPool::new();
    let mut buffer = pool.get_with(4096);
    buffer.extend_from_slice(b"head body");
    buffer.advance(5);
    let bytes = buffer.freeze();
    assert_eq!(bytes, "body");
    let clones: Vec<Bytes> = (0..4).map(|n| bytes.slice(n..)).collect();
    drop(bytes);
    let (made, idle) = (pool.stats().made, pool.stats().idle);
    assert_eq!((made, idle), (1, 0));
    let threads: Vec<_> = clones.into_iter().map(|clone| thread::spawn(move || drop(clone))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((pool.stats().live, pool.stats().idle), (1, 1));
    // Emptied by the thread that ended: here it is a hit.
    assert!(pool.get_with(4096).is_empty());
    assert_eq!(pool.stats().made, 1);
}

#[test]
fn nothing_frozen_holds_no_buffer() {
    let pool = BufferPool::new();
    let empty = pool.get().freeze();
    assert_eq!((empty.len(), pool.stats().idle), (0, 1));
}

#[test]
fn buffers_outlive_their_pool() {
    let pool = BufferPool::new();
    let mut buffer = pool.get();
    buffer.extend_from_slice(b"alive");
    let bytes = pool.get_with(100);
    drop(pool);
    assert_eq!(&buffer[..], b"alive");
    let frozen = buffer.freeze();
    drop(bytes);
    assert_eq!(frozen, "alive");
}

#[test]
fn a_detached_buffer_is_a_vec_of_what_was_not_read() {
    let pool = BufferPool::new();
    let mut buffer = pool.get();
    buffer.extend_from_slice(b"abc");
    buffer.advance(1);
    assert_eq!(buffer.detach(), b"bc");
    assert_eq!(pool.stats().live, 0);
}

#[test]
fn a_buffer_dropped_by_a_panic_is_not_kept() {
    let pool = BufferPool::new();
    let result = thread::spawn({
        let pool = pool.clone();
        move || {
            let _buffer = pool.get();
            std::panic::resume_unwind(Box::new(()));
        }
    })
    .join();
    assert!(result.is_err());
    assert_eq!((pool.stats().live, pool.stats().idle), (0, 0));
    assert!(pool.get().is_empty());
}

#[test]
fn many_threads_share_it_and_every_buffer_is_in_one_hand() {
    let pool = BufferPool::new();
    thread::scope(|scope| {
        for id in 0..4_u8 {
            let pool = &pool;
            scope.spawn(move || {
                let mut frozen = Vec::new();
                for round in 0..2000 {
                    let mut buffer = pool.get_with(64 << (round % 5));
                    let len = buffer.capacity().min(200);
                    buffer.resize(len, id);
                    thread::yield_now();
                    assert!(buffer.iter().all(|byte| *byte == id));
                    if round % 3 == 0 {
                        frozen.push(buffer.freeze());
                    }
                    if frozen.len() == 20 {
                        assert!(frozen.iter().flatten().all(|byte| *byte == id));
                        frozen.clear();
                    }
                }
            });
        }
    });
    let stats = pool.stats();
    assert_eq!(stats.live, stats.idle);
    assert!(stats.made <= 4 * 5 * 30, "{stats:?}");
}

#[test]
fn wrong_settings_are_refused_by_name_value_and_rule() {
    let refused = |builder: BufferPoolBuilder| builder.build().unwrap_err().to_string();
    let builder = BufferPool::builder;
    for (message, expected) in [
        (refused(builder().initial(0)), "initial = 0: must be at least 1"),
        (refused(builder().max_buffer(0)), "max_buffer = 0: must be at least 1"),
        (refused(builder().max_idle(0)), "max_idle = 0: must be at least 1"),
        (
            refused(builder().max_buffer(usize::MAX)),
            "max_buffer = 18446744073709551615: must be at most 1 GiB",
        ),
        (
            refused(builder().initial(5000).max_buffer(4096)),
            "initial = 5000: must not be above max_buffer, which is 4096",
        ),
        (
            refused(builder().max_buffer(4096).max_idle_bytes(8000)),
            "max_idle_bytes = 7.8 KiB: must be at least 8128 B, for one buffer of each size",
        ),
    ] {
        assert_eq!(message, expected);
    }
    assert!(builder().max_buffer(4096).initial(4096).max_idle_bytes(8128).build().is_ok());
}

#[test]
fn handles_are_shared_and_buffers_sent() {
    fn shared<T: Clone + Send + Sync>() {}
    fn sent<T: Send + Sync>() {}
    shared::<BufferPool>();
    sent::<Buffer>();
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<u8>),
    Put(Vec<u8>),
    Take(usize),
    Resize(usize, u8),
    Truncate(usize),
    Reserve(usize),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    prop::collection::vec(
        prop_oneof![
            4 => bytes().prop_map(Step::Write),
            4 => bytes().prop_map(Step::Put),
            6 => (0..400_usize).prop_map(Step::Take),
            1 => (0..500_usize, any::<u8>()).prop_map(|(len, value)| Step::Resize(len, value)),
            1 => (0..500_usize).prop_map(Step::Truncate),
            1 => (0..500_usize).prop_map(Step::Reserve),
            1 => Just(Step::Clear),
        ],
        0..60,
    )
}

proptest! {
    /// A buffer is a `Vec` whose front can be taken off.
    #[test]
    fn a_buffer_is_what_a_vec_would_be(steps in steps()) {
        let pool = BufferPool::new();
        for round in 0..2 {
            let (mut buffer, mut model) = (pool.get_with(64), Vec::<u8>::new());
            for step in &steps {
                match step {
                    Step::Write(bytes) => {
                        buffer.write_all(bytes).unwrap();
                        model.extend(bytes);
                    }
                    Step::Put(bytes) => {
                        // In pieces, by the uninitialised way.
                        let mut from = &bytes[..];
                        buffer.put(&mut from);
                        model.extend(bytes);
                    }
                    Step::Take(bytes) => {
                        let bytes = *bytes.min(&model.len());
                        buffer.advance(bytes);
                        model.drain(..bytes);
                    }
                    Step::Resize(len, value) => {
                        buffer.resize(*len, *value);
                        model.resize(*len, *value);
                    }
                    Step::Truncate(len) => {
                        buffer.truncate(*len);
                        model.truncate(*len);
                    }
                    Step::Reserve(more) => buffer.reserve(*more),
                    Step::Clear => {
                        buffer.clear();
                        model.clear();
                    }
                }
                prop_assert_eq!(&buffer[..], &model[..]);
                prop_assert_eq!(buffer.remaining(), model.len());
            }
            if round == 0 {
                prop_assert_eq!(&buffer.freeze()[..], &model[..]);
            } else {
                prop_assert_eq!(buffer.detach(), model);
            }
        }
    }
}
