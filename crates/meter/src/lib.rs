//! Counters, gauges and latency recorders that cost a few nanoseconds and never grow.
//!
//! | to count | take | a record, 1 and 2 threads | bytes |
//! |---|---|---|---|
//! | what only goes up | [`Counter`] | 2 ns, 2 ns | 512 |
//! | what goes up and down | [`Gauge`] | one atomic | 8 |
//! | durations of a few hot series | [`Latency`] | 2 ns, 2 ns | 368, and for each thread 592 + 512 an octave |
//! | durations of many series: routes, statements, labels | [`LatencyCell`] | 3 ns, up to 14 ns | 632 + 512 an octave |
//!
//! An octave is a power of two of nanoseconds in which something was recorded: five for a route that takes between 1
//! and 32 ms. All four are made by a `const fn`, so they live in a `static`, or in the `Arc` of the part that owns
//! them; none is `Clone`. Reading them locks nothing, sees what idle and ended threads recorded, and never goes back;
//! whoever wants a window takes differences. After the first duration of an octave nothing is allocated.
//!
//! ```
//! use perfect21_core::{Metric, Observe, Unit, Visitor};
//! use perfect21_meter::{Counter, Latency};
//! use std::time::Instant;
//!
//! #[derive(Default)]
//! struct Mailer {
//!     failed: Counter,
//!     sending: Latency,
//! }
//!
//! impl Mailer {
//!     fn send(&self, letter: &str) {
//!         let started = Instant::now();
//!         if letter.is_empty() {
//!             self.failed.increment();
//!         }
//!         self.sending.record(started.elapsed());
//!     }
//! }
//!
//! const FAILED: Metric = Metric::new("mail_failed", Unit::Count, "Letters that could not be sent.");
//! const SENDING: Metric = Metric::new("mail_sending", Unit::Seconds, "What sending a letter took.");
//!
//! impl Observe for Mailer {
//!     fn observe(&self, visitor: &mut dyn Visitor) {
//!         visitor.counter(&FAILED, &[], self.failed.total());
//!         visitor.latency(&SENDING, &[], &self.sending.snapshot());
//!     }
//! }
//!
//! let mailer = Mailer::default();
//! mailer.send("");
//! assert_eq!((mailer.failed.total(), mailer.sending.snapshot().count()), (1, 1));
//! ```
//!
//! # How threads stay out of each other's way
//! A thread takes the lowest free *seat*, a small number, when it first records anything, and gives it back when it
//! ends. At each seat a series has a place that only the thread on that seat writes, with a plain load and store. The
//! next thread on the seat goes on where the last one ended, so nothing is moved when a thread dies, and memory is
//! bounded by the threads alive at once. A thread without a seat (the 4097th, or one whose thread-locals are being
//! destroyed) counts with an atomic addition in a place that such threads share.
//!
//! A signal handler must not record: it may interrupt the load and store of its own thread. A global allocator may
//! count with [`Counter`] and [`Gauge`], not with the recorders, which allocate.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod counter;
mod pages;
mod seat_map;
mod shards;
mod sync;

#[cfg(all(test, perfect21_loom))]
mod models;

// The models take loom's atomics, which cannot stand in a static, and go without what needs one.
#[cfg(not(all(test, perfect21_loom)))]
mod gauge;
#[cfg(all(feature = "hdrhistogram", not(all(test, perfect21_loom))))]
mod hdr;
#[cfg(not(all(test, perfect21_loom)))]
mod latency;
#[cfg(not(all(test, perfect21_loom)))]
mod latency_cell;
#[cfg(not(all(test, perfect21_loom)))]
mod nanos;
#[cfg(not(all(test, perfect21_loom)))]
mod seat;

pub use counter::Counter;
#[cfg(not(all(test, perfect21_loom)))]
pub use gauge::Gauge;
#[cfg(all(feature = "hdrhistogram", not(all(test, perfect21_loom))))]
pub use {hdr::to_hdrhistogram, hdrhistogram};
#[cfg(not(all(test, perfect21_loom)))]
pub use {latency::Latency, latency_cell::LatencyCell};

pub use perfect21_core::LatencySnapshot;
