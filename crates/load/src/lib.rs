//! A load generator that tells the truth about latency: constant rates, intended start times, live progress.
//!
//! In open mode request `i` is due `i` / rate after the start, and its latency counts from then. A server that stalls
//! for a second thus shows a second of waiting requests, not one slow request (*coordinated omission*); the time from
//! the actual send stands beside it. In closed mode each connection sends as soon as it has its answer, which finds the
//! highest rate.
//!
//! ```no_run
//! use perfect21_load::{Plan, RequestList, Run, Threshold};
//! use std::time::Duration;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let plan = Plan::open(1000.0)
//!     .connections(32)
//!     .warm_up(Duration::from_secs(1))
//!     .duration(Duration::from_secs(10))
//!     .build()?;
//! let list = RequestList::builder("localhost:3000").gets(["/", "/products/1"]).build()?;
//! let run = Run::start(plan, ([127, 0, 0, 1], 3000).into(), list)?;
//! let report = run.finished().await?;
//! println!("{report}");
//! Threshold::p95(Duration::from_millis(50)).check(&report)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Bounds and costs
//! A run has one thread, named `perfect21-load`, and up to 60 000 connections to one address, all opened before the
//! first request; fewer are an error. It speaks HTTP/1.1 without TLS, sends GET and HEAD, and follows no redirect.
//! Bodies are counted, not kept. Memory does not grow with the number of requests: about 1.2 MiB for histograms and
//! log, two kilobytes for each connection, and the request list. After the first requests none allocates.
//!
//! Intended times are kept to some ten microseconds on Linux, by a timer of the kernel's; elsewhere tokio's timer adds
//! up to a millisecond to latencies in open mode.
#![forbid(unsafe_code)]

mod cpu;
mod engine;
mod error;
mod intervals;
mod plan;
mod progress;
mod record;
mod report;
mod report_text;
mod request_builder;
mod request_list;
mod run;
mod schedule;
mod threshold;
mod ticker;

pub use error::{Error, ErrorKind};
pub use perfect21_core::ConfigError;
pub use plan::{Mode, Plan, PlanBuilder};
pub use progress::{Phase, Progress};
pub use report::{ErrorCounts, HeaderCount, Interval, Quantiles, Report};
pub use request_builder::RequestListBuilder;
pub use request_list::RequestList;
pub use run::{Run, Stopper};
pub use threshold::{Breach, Threshold};
