//! Watches memory, and makes everything that is registered give some back when it runs short.
//!
//! ```
//! use perfect21_mem_pool::watch::{Bytes, Pressure, Trim, Trimmed, Watch};
//! use std::sync::{Arc, Mutex};
//!
//! struct History(Mutex<Vec<String>>);
//!
//! impl Trim for History {
//!     fn name(&self) -> &str {
//!         "history"
//!     }
//!
//!     fn trim(&self, pressure: Pressure) -> Trimmed {
//!         if pressure < Pressure::Elevated {
//!             return Trimmed::default();
//!         }
//!         let lines = std::mem::take(&mut *self.0.lock().unwrap());
//!         Trimmed::new(lines.len() as u64, lines.iter().map(|line| line.capacity() as u64).sum())
//!     }
//! }
//!
//! let watch = Watch::builder().max_rss(Bytes::gib(2)).build()?;
//! let history = Arc::new(History(Mutex::new(vec!["a line".to_owned()])));
//! watch.register(&history); // weakly: the watch keeps nothing alive
//! let _running = watch.run()?; // ticks every second until it is dropped
//!
//! let cleanup = watch.clean_up(Pressure::Elevated); // or at once
//! assert_eq!(cleanup.trimmed().objects, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Levels
//!
//! | signal | [`Elevated`](Pressure::Elevated) | [`Critical`](Pressure::Critical) |
//! |---|---|---|
//! | resident memory | 500 MB | where [set](WatchBuilder::critical_rss) |
//! | memory of the cgroup's limit, inactive page cache left out | 85 % | 95 % |
//! | memory of the machine that is used | 85 % | 95 % |
//! | the last 10 s: tasks that waited for memory (PSI) | some 10 % | all at once 10 % |
//!
//! The highest counts. A level rises at once; it falls by one after 30 s in which the values were 10 % below its
//! threshold. A clean-up comes when the level rises, then after 10 s, 20 s, 40 s and so on up to every 300 s while it
//! stays, and at [`Pressure::Routine`] every 300 s. After the parts, the allocator gives its free pages back.
//!
//! A cgroup's use is that of all its processes. Pages of files that were not used lately are left out, as the kernel
//! takes those back before it kills. Where it does not tell how many there are, our resident memory is held against the
//! limit instead.
//!
//! # Costs
//! A tick reads about 25 open files, below 200 µs of CPU time, and takes no lock that a part could wait for. A clean-up
//! costs what the parts need, 40 µs for two readings, and the allocator's walk over its free lists.
mod allocator;
mod builder;
mod level;
mod observe;
mod parts;
mod report;
mod running;
mod schedule;
mod surplus;
mod weak;

pub use builder::WatchBuilder;
pub use parts::PartTrimmed;
pub use perfect21_core::{Bytes, Pressure, Trim, Trimmed};
pub use report::{Cleanup, Readings, Signal, Tick};
pub use running::Running;
pub use surplus::Surplus;
pub use weak::{Watched, WeakPart};

use builder::Settings;
use parts::Parts;
use perfect21_host::Host;
use schedule::{Decision, Schedule};
use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Watches memory and tells everything registered to trim; clones share one watch.
#[derive(Clone)]
pub struct Watch(Arc<Inner>);

struct Inner {
    settings: Settings,
    parts: Parts,
    host: Mutex<Host>,
    schedule: Mutex<Schedule>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    tick: Option<Tick>,
    /// Of that tick, by [`Schedule`].
    number: u64,
    totals: Totals,
    /// What was last said of each signal's error, so that a broken file is told once.
    errors: [Option<String>; Signal::ALL.len()],
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    cleanups: [u64; 3],
    trimmed: Trimmed,
    released: u64,
    panics: u64,
}

impl Watch {
    /// Thresholds as in the [table](self#levels), on this machine.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().over(Host::new())
    }

    /// Starts from the thresholds in the [table](self#levels).
    pub fn builder() -> WatchBuilder {
        WatchBuilder::new()
    }

    fn from_settings(settings: Settings, host: Host) -> Self {
        Self(Arc::new(Inner {
            schedule: Mutex::new(Schedule::new(&settings)),
            parts: Parts::default(),
            host: Mutex::new(host),
            last: Mutex::default(),
            settings,
        }))
    }

    /// Tells `part` to trim from now on, until it is gone: a pool of this crate,
    /// an [`Arc`] of anything that is [`Trim`], a reference to a `static`. Once is enough: the same one again changes
    /// nothing.
    pub fn register(&self, part: &(impl Watched + ?Sized)) {
        self.0.parts.add(part);
    }

    /// How many registered parts live.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.0.parts.len()
    }

    /// Reads memory once, and cleans up where that is due.
    ///
    /// Ticks may come at any time and from any thread, also from within a part that is being trimmed: what is due is
    /// done by one of them.
    #[allow(clippy::must_use_candidate, reason = "what it does is worth more than what it says")]
    pub fn tick(&self) -> Tick {
        let sample = lock(&self.0.host).sample();
        let readings = Readings::of(&sample);
        let decision = lock(&self.0.schedule).decide(&readings, sample.at, &self.0.settings);
        self.say(&readings, decision);
        let rss = readings.rss.as_ref().ok().copied();
        let cleanup = decision.due.map(|pressure| Arc::new(self.clean(pressure, rss)));
        let Decision { number, level, cause, .. } = decision;
        let tick = Tick { at: sample.at, level, cause, readings, cleanup };
        let mut last = lock(&self.0.last);
        // One that was overtaken by a later tick, or made one itself, is not the last.
        if last.number < number {
            last.number = number;
            last.tick = Some(tick.clone());
        }
        tick
    }

    /// Makes every registered part and then the allocator give memory back now, whatever the level.
    #[allow(clippy::must_use_candidate, reason = "what it does is worth more than what it says")]
    pub fn clean_up(&self, pressure: Pressure) -> Cleanup {
        self.clean(pressure, self.rss())
    }

    /// What the last tick saw; `None` before the first.
    #[must_use]
    pub fn last(&self) -> Option<Tick> {
        lock(&self.0.last).tick.clone()
    }

    /// How short memory is by the latest tick, also while its clean-up is under way; [`Pressure::Routine`] before the
    /// first.
    #[must_use]
    pub fn level(&self) -> Pressure {
        lock(&self.0.schedule).level()
    }

    /// Ticks from a thread of its own until the handle is dropped.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn run(&self) -> io::Result<Running> {
        Running::start(self.clone())
    }

    fn clean(&self, pressure: Pressure, rss_before: Option<Bytes>) -> Cleanup {
        let start = self.now();
        let parts = self.0.parts.trim(pressure);
        (self.0.settings.purge)();
        let rss_after = self.rss();
        let took = self.now().saturating_duration_since(start);
        let cleanup = Cleanup { pressure, parts, rss_before, rss_after, took };
        self.count(&cleanup);
        cleanup
    }

    fn count(&self, cleanup: &Cleanup) {
        let (trimmed, released) = (cleanup.trimmed(), cleanup.released());
        for part in cleanup.panicked() {
            tracing::error!(part, "a part panicked when it was told to trim");
        }
        tracing::info!(
            pressure = ?cleanup.pressure,
            parts = cleanup.parts.len(),
            objects = trimmed.objects,
            bytes = trimmed.bytes,
            process_rss_fell_by = released.map(Bytes::get),
            took = ?cleanup.took,
            "memory was cleaned up"
        );
        let mut last = lock(&self.0.last);
        last.totals.cleanups[usize::from(observe::number(cleanup.pressure))] += 1;
        last.totals.trimmed += trimmed;
        last.totals.released += released.map_or(0, Bytes::get);
        last.totals.panics += cleanup.panicked().count() as u64;
    }

    fn say(&self, readings: &Readings, decision: Decision) {
        let Decision { before, level, cause, .. } = decision;
        if level > before {
            tracing::warn!(
                ?level,
                ?cause,
                rss = readings.rss.as_ref().ok().map(|rss| rss.get()),
                "memory runs short"
            );
        } else if level < before {
            tracing::info!(?level, "memory is less short");
        }
        let mut errors: [Option<String>; Signal::ALL.len()] = Default::default();
        for (signal, error) in readings.errors() {
            errors[signal as usize] = Some(error.to_string());
        }
        let said = std::mem::replace(&mut lock(&self.0.last).errors, errors.clone());
        for (error, said) in errors.into_iter().zip(said) {
            if let Some(error) = error.filter(|error| said.as_ref() != Some(error)) {
                tracing::warn!(error, "the memory watch goes without a signal");
            }
        }
    }

    fn rss(&self) -> Option<Bytes> {
        lock(&self.0.host).sample().process.ok().map(|process| process.rss)
    }

    fn now(&self) -> Instant {
        self.0.settings.clock.now()
    }

    fn interval(&self) -> Duration {
        self.0.settings.interval
    }

    fn totals(&self) -> Totals {
        lock(&self.0.last).totals
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("parts", &self.0.parts)
            .field("level", &self.level())
            .finish_non_exhaustive()
    }
}
