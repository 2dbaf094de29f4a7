use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why a figure could not be read; names the file, and what stood in it where it was not what it should be.
///
/// It is one pointer wide and cheap to clone, so that a [`Sample`](crate::Sample) can carry one per group.
///
/// ```
/// use perfect21_host::{ErrorKind, Process};
///
/// let error = Process::of(u32::MAX).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Gone);
/// ```
#[derive(Clone, thiserror::Error)]
#[error(transparent)]
pub struct Error(Arc<Problem>);

/// What kind of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The process has ended (or never was, or is hidden from us).
    Gone,
    /// This machine does not offer the figure: an old kernel, a feature switched off, a file not mounted here.
    Missing,
    /// The figure is there and we may not read it.
    Denied,
    /// The file does not hold what it should.
    Malformed,
    /// The read failed in another way.
    Io,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("there is no process {pid}: it has ended, or is hidden from us")]
    Gone { pid: u32 },
    #[error("cannot read {}", path.display())]
    Read {
        kind: ErrorKind,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("{} holds `{content}`: expected {expected}", path.display())]
    Malformed { path: PathBuf, content: String, expected: &'static str },
    #[error("{what} is not known here: {why}")]
    Unknown { what: &'static str, why: &'static str },
}

impl Error {
    #[cold]
    pub(crate) fn read(path: &Path, cause: io::Error) -> Self {
        let kind = match cause.kind() {
            // A kernel without the feature has no file, or one that cannot be opened.
            io::ErrorKind::NotFound | io::ErrorKind::Unsupported | io::ErrorKind::NotADirectory => {
                ErrorKind::Missing
            }
            io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            // A cgroup that was removed while its files were open.
            #[cfg(target_os = "linux")]
            _ if cause.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => ErrorKind::Missing,
            _ => ErrorKind::Io,
        };
        Self(Arc::new(Problem::Read { kind, path: path.to_owned(), cause }))
    }

    #[cold]
    pub(crate) fn gone(pid: u32) -> Self {
        Self(Arc::new(Problem::Gone { pid }))
    }

    /// Keeps the beginning of what stood there, made printable.
    #[cold]
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only files can be malformed"))]
    pub(crate) fn malformed(path: &Path, content: &[u8], expected: &'static str) -> Self {
        let text = String::from_utf8_lossy(&content[..content.len().min(200)]);
        let content = text.trim_end().chars().take(60).flat_map(char::escape_default).collect();
        Self(Arc::new(Problem::Malformed { path: path.to_owned(), content, expected }))
    }

    #[cold]
    pub(crate) fn unknown(what: &'static str, why: &'static str) -> Self {
        Self(Arc::new(Problem::Unknown { what, why }))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &*self.0 {
            Problem::Gone { .. } => ErrorKind::Gone,
            Problem::Read { kind, .. } => *kind,
            Problem::Malformed { .. } => ErrorKind::Malformed,
            Problem::Unknown { .. } => ErrorKind::Missing,
        }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn os_error(&self) -> Option<i32> {
        match &*self.0 {
            Problem::Read { cause, .. } => cause.raw_os_error(),
            _ => None,
        }
    }

    /// The file it is about, if it is about one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &*self.0 {
            Problem::Read { path, .. } | Problem::Malformed { path, .. } => Some(path),
            Problem::Gone { .. } | Problem::Unknown { .. } => None,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
