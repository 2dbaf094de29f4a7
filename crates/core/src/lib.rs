//! The words that Perfect21's crates share: no dependencies, no I/O, no threads.
//!
//! A part of a service tells what it does through three small traits, and whoever wants to know calls them:
//!
//! | trait | a part says | called by |
//! |---|---|---|
//! | [`Observe`] | numbers: counters, gauges, latency distributions | a metrics tick |
//! | [`Inspect`] | facts: tables, curves, findings with a remedy | a report or dashboard |
//! | [`Trim`] | "I freed this much" when memory runs short | a memory watch |
//!
//! None of them blocks or does I/O, and all are object-safe. [`Clock`] makes time a parameter, [`Bytes`] reads and
//! prints sizes, and [`ConfigError`] is the one shape in which every builder refuses a setting.
//!
//! ```
//! use perfect21_core::{Metric, Observe, Reading, Unit, Visitor};
//!
//! struct Queue {
//!     waiting: usize,
//! }
//!
//! const WAITING: Metric = Metric::new("queue_waiting", Unit::Count, "Jobs that wait for a worker.");
//!
//! impl Observe for Queue {
//!     fn observe(&self, visitor: &mut dyn Visitor) {
//!         visitor.gauge(&WAITING, &[], Reading::now(self.waiting as f64));
//!     }
//! }
//! ```
#![forbid(unsafe_code)]

mod bytes;
mod clock;
mod config;
mod inspect;
pub mod latency;
mod observe;
mod trim;

pub use bytes::{Bytes, ParseBytesError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::ConfigError;
pub use inspect::{Cell, Column, Curve, Finding, Inspect, Sections, Severity, Table};
pub use latency::LatencySnapshot;
pub use observe::{Label, Metric, Observe, Reading, Unit, Visitor};
pub use trim::{Pressure, Trim, Trimmed};
