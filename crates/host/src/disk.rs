//! Room on a file system, as `df` counts it.

use perfect21_core::Bytes;
use std::path::PathBuf;

/// Room on the file system that holds a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disk {
    /// The path that was asked for.
    pub path: PathBuf,
    /// Size of the file system.
    pub total: Bytes,
    /// Taken by files.
    pub used: Bytes,
    /// Free for us; the share that is reserved for the administrator is neither used nor available.
    pub available: Bytes,
}

impl Disk {
    /// The `Use%` of `df`, from 0 to 1: used ÷ (used + available). `None` for a file system without size, as `/proc`.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
    pub fn used_ratio(&self) -> Option<f64> {
        let both = self.used + self.available;
        (both.get() > 0).then(|| self.used.get() as f64 / both.get() as f64)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::Disk;
    use crate::Error;
    use perfect21_core::Bytes;
    use std::path::Path;

    impl Disk {
        /// Asks the file system: one system call of about 1 µs.
        ///
        /// A network file system whose server is away can make it wait for long; ask for such a path in a thread
        /// that may wait.
        ///
        /// ```
        /// use perfect21_host::Disk;
        ///
        /// let disk = Disk::of("/")?;
        /// println!("{} of {} used, {} left", disk.used, disk.total, disk.available);
        /// # Ok::<(), perfect21_host::Error>(())
        /// ```
        ///
        /// # Errors
        /// Where there is no such path.
        pub fn of(path: impl AsRef<Path>) -> Result<Self, Error> {
            Self::read(path.as_ref())
        }

        fn read(path: &Path) -> Result<Self, Error> {
            let fs = rustix::fs::statvfs(path).map_err(|errno| Error::read(path, errno.into()))?;
            let blocks = |blocks: u64| Bytes::new(blocks.saturating_mul(fs.f_frsize));
            Ok(Self {
                path: path.to_owned(),
                total: blocks(fs.f_blocks),
                used: blocks(fs.f_blocks.saturating_sub(fs.f_bfree)),
                available: blocks(fs.f_bavail),
            })
        }
    }
}
