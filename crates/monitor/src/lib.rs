//! What a service must reach, what it reached, and a report that people can read.
//!
//! A [`Baseline`] is a figure with a target and an excellent value; a [`Report`] holds measured figures beside their
//! baselines, charts, tables and notes, and prints as text, Markdown, a self-contained HTML page, or JSON (it is
//! `Serialize`). What was not measured is [`Measured::NoData`] with the sentence that mends it: never a zero.
//!
//! [`Snapshot`] reads any [`Observe`] into plain numbers.
//!
//! ```
//! use perfect21_monitor::{Baseline, Grade, Measured, Report, Row};
//!
//! let mut report = Report::new("Load test", ["before", "after"]);
//! report.row(Row::new(Baseline::API_P95, [Measured::value(0.240), Measured::value(0.080)]));
//! report.row(Row::new(Baseline::CACHE_HITS, [
//!     Measured::no_data("add a cache"),
//!     Measured::value(0.97),
//! ]));
//! assert_eq!(report.rows[0].grade(1), Grade::Excellent);
//! assert!(report.to_text().contains("no data: add a cache"));
//! assert!(report.to_html().starts_with("<!doctype html>"));
//! ```
#![forbid(unsafe_code)]

mod baseline;
mod format;
mod report;
mod snapshot;

pub use baseline::{Baseline, Direction, Grade};
pub use format::quantity;
pub use report::{Chart, ChartKind, Limit, Measured, Report, Row, Series, Table};
pub use snapshot::{Snapshot, SnapshotSeries, SnapshotValue};

/// Floor-0 items in this crate's signatures.
pub use perfect21_core::{Observe, Unit};
