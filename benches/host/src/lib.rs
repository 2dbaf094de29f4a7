//! The readings whose cost is measured, each once.
#![forbid(unsafe_code)]

use perfect21_host::{Disk, Host, Limits, Process};
use std::hint::black_box;

/// A reading: its name and what it runs.
pub type Case = (&'static str, Box<dyn FnMut()>);

/// All readings, on open files.
///
/// # Panics
/// Where this process cannot be read.
#[must_use]
#[allow(clippy::unwrap_used, reason = "a bench without its subject must not run")]
pub fn cases() -> Vec<Case> {
    let process = || Process::current().unwrap();
    let (rss, usage, peak, descriptors) = (process(), process(), process(), process());
    let mut host = Host::new();
    vec![
        ("rss", Box::new(move || drop(black_box(rss.rss())))),
        ("process usage", Box::new(move || drop(black_box(usage.usage())))),
        ("peak rss", Box::new(move || drop(black_box(peak.peak_rss())))),
        ("descriptors", Box::new(move || drop(black_box(descriptors.descriptors())))),
        ("disk", Box::new(|| drop(black_box(Disk::of("/"))))),
        ("limits", Box::new(|| drop(black_box(Limits::read())))),
        ("whole tick", Box::new(move || drop(black_box(host.sample())))),
    ]
}
