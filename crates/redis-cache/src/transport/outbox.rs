//! What is to be written to a connection, and whose turn it is: one writes at a time, all in the order in which it came.
//!
//! Many who ask at once are written for by the connection's task, one packet for all. Who is alone writes itself: waking the
//! task costs as much as the rest of the call.

use bytes::BytesMut;
use std::mem;

/// Stands under its connection's lock.
#[derive(Default)]
pub(super) struct Outbox {
    out: BytesMut,
    /// Somebody writes what stood in `out` before, and comes back when it is written.
    writing: bool,
    /// The stream has not taken all of it yet.
    unwritten: bool,
    /// Whether there were several calls when the task wrote last.
    crowded: bool,
}

/// What is left to do for who has put something in.
pub(super) enum Turn {
    /// To write this, and to [`leave`](Outbox::leave) what did not go.
    Write(BytesMut),
    /// To wake the task.
    Wake,
    Nothing,
}

impl Outbox {
    /// Puts in what is written by `encode`.
    pub(super) fn push(&mut self, is_alone: bool, encode: impl FnOnce(&mut BytesMut)) -> Turn {
        let was_empty = self.out.is_empty();
        encode(&mut self.out);
        if is_alone && !self.crowded && !self.writing {
            self.writing = true;
            return Turn::Write(mem::take(&mut self.out));
        }
        // Else the task has been told, or whoever writes will look again.
        if was_empty { Turn::Wake } else { Turn::Nothing }
    }

    /// Takes back what did not go at once, before what came meanwhile; whether the task is to be woken.
    pub(super) fn leave(&mut self, mut rest: BytesMut, is_whole: bool) -> bool {
        rest.extend_from_slice(&self.out);
        self.out = rest;
        self.writing = false;
        self.unwritten = !is_whole;
        self.unwritten || !self.out.is_empty()
    }

    /// What the task is to write, in exchange for an empty buffer; nothing as long as somebody else writes, who wakes it after.
    pub(super) fn take(&mut self, out: &mut BytesMut, is_crowded: bool) -> bool {
        let there_is = !self.writing && (self.unwritten || !self.out.is_empty());
        if there_is {
            self.writing = true;
            self.unwritten = false;
            self.crowded = is_crowded;
            mem::swap(out, &mut self.out);
        }
        there_is
    }

    /// The task has written all that it took.
    pub(super) fn written(&mut self) {
        self.writing = false;
    }
}

/// Every interleaving of two who ask with the task, where a stream takes all at once or half of it, with up to three switches
/// between the threads.
///
/// `RUSTFLAGS="--cfg perfect21_loom" cargo test -p perfect21-redis-cache --no-default-features --lib --target-dir target/loom`
#[cfg(all(test, perfect21_loom))]
mod models {
    use super::*;
    use crate::sync::{AtomicUsize, Mutex, Ordering};
    use loom::{sync::Arc, thread};

    #[derive(Default)]
    struct Queue {
        outbox: Outbox,
        calls: usize,
        /// All that was put in.
        order: Vec<u8>,
    }

    struct Connection {
        queue: Mutex<Queue>,
        /// As tokio's `Notify`: who is woken before it waits does not wait.
        filled: Mutex<bool>,
        wire: Mutex<Vec<u8>>,
        writers: AtomicUsize,
    }

    impl Connection {
        fn put(&self, bytes: &[u8]) {
            assert_eq!(self.writers.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
            self.wire.lock().unwrap().extend_from_slice(bytes);
            self.writers.fetch_sub(1, Ordering::SeqCst);
        }

        fn ask(&self, bytes: &[u8], goes: usize) {
            let mut queue = self.queue.lock().unwrap();
            queue.calls += 1;
            let is_alone = queue.calls == 1;
            queue.order.extend_from_slice(bytes);
            let turn = queue.outbox.push(is_alone, |out| out.extend_from_slice(bytes));
            drop(queue);
            match turn {
                Turn::Write(mut out) => {
                    self.put(&out[..goes]);
                    let rest = out.split_off(goes);
                    let is_whole = rest.is_empty();
                    if self.queue.lock().unwrap().outbox.leave(rest, is_whole) {
                        *self.filled.lock().unwrap() = true;
                    }
                }
                Turn::Wake => *self.filled.lock().unwrap() = true,
                Turn::Nothing => {}
            }
        }

        /// As the connection's task does, if it was woken.
        fn write(&self) -> bool {
            let is_woken = mem::take(&mut *self.filled.lock().unwrap());
            let mut out = BytesMut::new();
            while is_woken {
                let mut queue = self.queue.lock().unwrap();
                let is_crowded = queue.calls > 1;
                if !queue.outbox.take(&mut out, is_crowded) {
                    break;
                }
                drop(queue);
                self.put(&out);
                out.clear();
                self.queue.lock().unwrap().outbox.written();
            }
            is_woken
        }
    }

    fn all_is_written_in_order(goes: usize) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let connection = Arc::new(Connection {
                queue: Mutex::new(Queue::default()),
                filled: Mutex::new(false),
                wire: Mutex::new(Vec::new()),
                writers: AtomicUsize::new(0),
            });
            let askers: Vec<_> = [b"ab", b"cd"]
                .into_iter()
                .map(|bytes| {
                    let connection = Arc::clone(&connection);
                    thread::spawn(move || connection.ask(bytes, goes))
                })
                .collect();
            connection.write();
            for asker in askers {
                asker.join().unwrap();
            }
            // As often as it is woken, and no more.
            while connection.write() {}
            assert_eq!(*connection.wire.lock().unwrap(), connection.queue.lock().unwrap().order);
        });
    }

    #[test]
    fn all_is_written_in_order_where_all_goes_at_once() {
        all_is_written_in_order(2);
    }

    #[test]
    fn all_is_written_in_order_where_a_half_goes_at_once() {
        all_is_written_in_order(1);
    }
}
