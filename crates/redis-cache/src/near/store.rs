use super::{config::Settings, pending::Pending};
use crate::backend::FullKey;
use perfect21_core::{Clock, ConfigError};
use perfect21_smart_cache::Cache;
use std::{
    any::Any,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Values and versions, of one epoch after the other.
pub(crate) struct Store {
    values: Option<Cache<FullKey, Arc<Held>>>,
    versions: Cache<FullKey, Version>,
    pending: Pending,
    /// The one that is open now; 0 is none.
    epoch: AtomicU64,
    generation: AtomicU64,
    lost: Mutex<Lost>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    hears_all: bool,
    pub(crate) counters: Counters,
}

pub(crate) struct StoreSettings<'a> {
    pub(crate) name: &'a str,
    pub(crate) near: Settings,
    pub(crate) holds_values: bool,
    pub(crate) hears_all: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Version {
    number: u64,
    epoch: u64,
}

#[derive(Default)]
struct Lost {
    /// The epoch that began last.
    last: u64,
    /// When it ended, if it has.
    at: Option<Instant>,
}

/// What happened to all that is held.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) invalidations: AtomicU64,
    pub(crate) flushes: AtomicU64,
    pub(crate) losses: AtomicU64,
}

/// A value and what says whether it counts. The value is last, so that it may be of any type.
pub(crate) struct Held<T: ?Sized = dyn Any + Send + Sync> {
    pub(crate) bytes: usize,
    epoch: u64,
    /// The generation in which its versions were right.
    generation: AtomicU64,
    /// When it is no longer answered.
    until: Instant,
    pub(crate) value: T,
}

/// How far a held value can be relied on.
pub(crate) enum Trust {
    /// It counts.
    Whole,
    /// It does if its versions do: they are to be looked at.
    Versions,
    /// It was held when the connection was lost, not long ago.
    Lost,
    /// It may be anything.
    None,
}

impl Store {
    pub(crate) fn new(settings: StoreSettings<'_>, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let StoreSettings { name, near, holds_values, hears_all } = settings;
        let values = match holds_values {
            false => None,
            true => Some(
                Cache::builder()
                    .name(format!("{name}:near"))
                    .max_entries(near.max_entries)
                    .max_bytes(near.max_bytes)
                    .weigher(|key: &FullKey, held: &Arc<Held>| (key.len() + held.bytes + 128) as u64)
                    .clock(Arc::clone(&clock))
                    .build()?,
            ),
        };
        let versions = Cache::builder().name(format!("{name}:versions")).max_entries(MAX_VERSIONS);
        let versions = if hears_all { versions } else { versions.ttl(near.max_age) };
        let versions = versions.clock(Arc::clone(&clock)).build()?;
        Ok(Self {
            values,
            versions,
            pending: Pending::new(),
            epoch: AtomicU64::new(0),
            generation: AtomicU64::new(1),
            lost: Mutex::default(),
            clock,
            settings: near,
            hears_all,
            counters: Counters::default(),
        })
    }

    pub(super) fn values(&self) -> Option<&Cache<FullKey, Arc<Held>>> {
        self.values.as_ref()
    }

    pub(super) fn versions(&self) -> &Cache<FullKey, Version> {
        &self.versions
    }

    /// Whether every change is told of, and not only those of processes like this one.
    pub(crate) fn hears_all(&self) -> bool {
        self.hears_all
    }

    pub(crate) fn holds_values(&self) -> bool {
        self.values.is_some()
    }

    /// What was held last under a key, however it is since.
    pub(crate) fn last(&self, key: &str) -> Option<Arc<Held>> {
        self.values.as_ref()?.get(key)
    }

    /// The epoch that is open, if one is.
    pub(crate) fn epoch(&self) -> Option<u64> {
        Some(self.epoch.load(Ordering::Acquire)).filter(|epoch| *epoch > 0)
    }

    /// Of the moment. Versions that are read after this and found right are right in it.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Marks that a key is about to be read; `None` if no epoch is open.
    pub(crate) fn begin(&self, key: &FullKey) -> Option<Ticket<'_>> {
        let epoch = self.epoch()?;
        Some(Ticket { store: self, key: FullKey::clone(key), number: self.pending.begin(key), epoch })
    }

    pub(crate) fn value(&self, key: &str) -> Option<(Arc<Held>, Trust)> {
        let held = self.values.as_ref()?.get(key)?;
        let trust = self.trust(&held);
        Some((held, trust))
    }

    /// A value that counts, with nothing to be looked at before.
    pub(crate) fn whole(&self, key: &str) -> Option<Arc<Held>> {
        let held = self.values.as_ref()?.get(key)?;
        let counts = held.epoch == self.epoch.load(Ordering::Acquire)
            && held.generation.load(Ordering::Acquire) == self.generation()
            && self.clock.now() < held.until;
        counts.then_some(held)
    }

    fn trust(&self, held: &Held) -> Trust {
        let epoch = self.epoch.load(Ordering::Acquire);
        let now = self.clock.now();
        if held.epoch == epoch && now < held.until {
            let right = held.generation.load(Ordering::Acquire) == self.generation();
            return if right { Trust::Whole } else { Trust::Versions };
        }
        if epoch == 0 && !self.settings.stale_window.is_zero() {
            let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            let is_near =
                lost.at.is_some_and(|at| now.saturating_duration_since(at) < self.settings.stale_window);
            if is_near && lost.last == held.epoch {
                return Trust::Lost;
            }
        }
        Trust::None
    }

    /// The versions of a held value were found right in a generation.
    pub(crate) fn confirm(held: &Held, generation: u64) {
        held.generation.store(generation, Ordering::Release);
    }

    pub(crate) fn version(&self, key: &str) -> Option<u64> {
        let version = self.versions.get(key)?;
        (Some(version.epoch) == self.epoch()).then_some(version.number)
    }

    /// This process changes keys: what it reads from now on is not what was before.
    pub(crate) fn wrote<'a>(&self, keys: impl IntoIterator<Item = &'a FullKey>) {
        keys.into_iter().for_each(|key| self.forget(key));
    }

    /// First the mark, then what is held, then the generation: who looks in between finds what is right, or looks again.
    fn forget(&self, key: &str) {
        self.pending.changed(key);
        if let Some(values) = &self.values {
            values.remove(key);
        }
        if key.contains('#') {
            self.versions.remove(key);
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn opened(&self) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.last += 1;
        lost.at = None;
        self.epoch.store(lost.last, Ordering::Release);
    }

    pub(crate) fn lost(&self) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if self.epoch.swap(0, Ordering::AcqRel) > 0 {
            lost.at = Some(self.clock.now());
            self.counters.losses.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn changed(&self, key: &[u8]) {
        self.counters.invalidations.fetch_add(1, Ordering::Relaxed);
        // Ours are all text.
        if let Ok(key) = std::str::from_utf8(key) {
            self.forget(key);
        }
    }

    /// All keys are gone: another epoch begins.
    pub(crate) fn flushed(&self) {
        self.counters.flushes.fetch_add(1, Ordering::Relaxed);
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.last += 1;
        if self.epoch.load(Ordering::Acquire) > 0 {
            self.epoch.store(lost.last, Ordering::Release);
        }
    }
}

/// Versions of tags and caches that are held.
const MAX_VERSIONS: usize = 100_000;

#[cfg(feature = "fred")]
impl crate::transport::lane::Listener for Store {
    fn opened(&self) {
        self.opened();
    }

    fn lost(&self) {
        self.lost();
    }

    fn changed(&self, key: &[u8]) {
        self.changed(key);
    }

    fn flushed(&self) {
        self.flushed();
    }
}

/// The right to keep what a read brings, if nothing was told since it began.
pub(crate) struct Ticket<'a> {
    store: &'a Store,
    key: FullKey,
    number: u64,
    epoch: u64,
}

impl Ticket<'_> {
    /// Waits until a change of the key is told. A lost connection tells of none.
    pub(crate) async fn changed(&self) {
        self.store.pending.until_changed(&self.key, self.number).await;
    }

    pub(crate) fn keep_version(&self, number: u64) {
        // That one is made is not published, since it changes nothing that counts.
        if number == 0 && !self.store.hears_all {
            return;
        }
        self.keep(|store| {
            // One that does not fit is read again.
            let _ = store.versions.insert(FullKey::clone(&self.key), Version { number, epoch: self.epoch });
        });
    }

    /// For so long at most, its versions right in a generation.
    pub(crate) fn keep_value<T: Any + Send + Sync>(
        &self,
        value: T,
        bytes: usize,
        generation: u64,
        fresh_for: Duration,
    ) {
        let store = self.store;
        let Some(values) = &store.values else { return };
        let held: Arc<Held> = Arc::new(Held {
            bytes,
            epoch: self.epoch,
            generation: AtomicU64::new(generation),
            until: store.clock.now() + fresh_for.min(store.settings.max_age),
            value,
        });
        self.keep(|_| {
            // One that does not fit is not held.
            let _ = values.insert(FullKey::clone(&self.key), held);
        });
    }

    fn keep(&self, keep: impl FnOnce(&Store)) {
        self.store.pending.keep(&self.key, self.number, || {
            if self.store.epoch() == Some(self.epoch) {
                keep(self.store);
            }
        });
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.store.pending.end(&self.key);
    }
}
