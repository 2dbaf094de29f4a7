//! The readings of a tick, from files that stay open.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub use linux::Host;

use perfect21_core::{Clock, ConfigError, SystemClock};
use std::{path::PathBuf, sync::Arc};

/// Settings of a [`Host`]; see [`Host::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `.build()`"]
pub struct HostBuilder {
    root: PathBuf,
    disk: PathBuf,
    clock: Arc<dyn Clock>,
}

impl HostBuilder {
    pub(crate) fn new() -> Self {
        Self { root: "/".into(), disk: "/".into(), clock: Arc::new(SystemClock) }
    }

    /// Where `/proc` and `/sys` are read: `/` unless set. A container that watches its host mounts the host's files
    /// and gives their place here; a test gives a tree of its own.
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    /// A path on the file system whose room is read: `/` unless set. It is taken as it stands, not below
    /// [`root`](Self::root).
    pub fn disk(mut self, path: impl Into<PathBuf>) -> Self {
        self.disk = path.into();
        self
    }

    /// The clock that stamps samples: the system's unless set.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens the files. What this machine does not offer is no error here, but in each [`Sample`](crate::Sample).
    ///
    /// # Errors
    /// Where `root` is no directory.
    pub fn build(self) -> Result<Host, ConfigError> {
        if !self.root.is_dir() {
            return Err(ConfigError::new("root", self.root.display(), "must be a directory"));
        }
        Ok(Host::open(&self.root, self.disk, self.clock))
    }

    pub(crate) fn machine() -> Host {
        let Self { root, disk, clock } = Self::new();
        Host::open(&root, disk, clock)
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// Opens the files of this machine, and the disk of `/`. What it does not offer is an error in each sample.
    #[must_use]
    pub fn new() -> Self {
        HostBuilder::machine()
    }

    /// Starts from the machine's root, the disk of `/` and the system's clock.
    pub fn builder() -> HostBuilder {
        HostBuilder::new()
    }
}

#[cfg(not(target_os = "linux"))]
pub use crate::other::Host;
