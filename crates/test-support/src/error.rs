use std::{io, path::PathBuf, time::Duration};

/// What went wrong, in a sentence that says how to mend it where that is known.
///
/// ```
/// use perfect21_test_support::{ErrorKind, trace::Trace};
///
/// let error = Trace::read("no/such/trace.txt.gz").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Io);
/// assert_eq!(error.to_string(), "cannot open trace no/such/trace.txt.gz");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program that the tests need is not installed.
    #[error(
        "no {what} found (looked in {looked}): run ./scripts/test once, or install the package {package}, or set {variable}"
    )]
    #[non_exhaustive]
    Missing {
        /// The program, as one would say it.
        what: &'static str,
        /// Where it was looked for.
        looked: String,
        /// The Debian package that has it.
        package: &'static str,
        /// The environment variable that names its directory.
        variable: &'static str,
    },
    /// The operating system refused something.
    #[error("cannot {doing}")]
    #[non_exhaustive]
    Io {
        /// What was tried.
        doing: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A server or one of its tools ran and gave up.
    #[error("{what} failed; its output ends:\n{log}")]
    #[non_exhaustive]
    Failed {
        /// The program.
        what: String,
        /// The last lines that it wrote.
        log: String,
    },
    /// What was waited for did not happen.
    #[error("{what} did not happen within {after:?}; last seen: {seen}")]
    #[non_exhaustive]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// The state at the end.
        seen: String,
    },
    /// The guard process of a server is gone, so the server cannot be commanded any more.
    #[error("the guard of {server} is gone (was it killed?)")]
    #[non_exhaustive]
    GuardGone {
        /// The server it guarded.
        server: &'static str,
    },
    /// A Redis server answered a command with an error.
    #[error("redis refused {command}: {reply}")]
    #[non_exhaustive]
    Refused {
        /// The command's first word.
        command: String,
        /// The server's error line.
        reply: String,
    },
    /// A line of a trace is not what its format says.
    #[error("{}:{line}: {rule}, found {text:?}", file.display())]
    #[non_exhaustive]
    Malformed {
        /// The trace file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The line's text, its first 64 bytes at most.
        text: String,
        /// What the line should be.
        rule: &'static str,
    },
    /// A trace that is not part of the repository is not here.
    #[error(
        "trace {name} is absent (looked for {}): set PERFECT21_TRACES to a directory that has it",
        looked.display()
    )]
    #[non_exhaustive]
    NoTrace {
        /// The trace's name.
        name: String,
        /// The file that was looked for.
        looked: PathBuf,
    },
}

/// The kinds of [`Error`], for tests that decide by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A program or a trace is not on this machine.
    Missing,
    /// The operating system refused.
    Io,
    /// A program gave up.
    Failed,
    /// Something did not happen in time.
    Deadline,
    /// The guard process was ended by somebody else.
    GuardGone,
    /// A server refused a command.
    Refused,
    /// A file's content is not in its format.
    Malformed,
}

impl Error {
    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } | Self::NoTrace { .. } => ErrorKind::Missing,
            Self::Io { .. } => ErrorKind::Io,
            Self::Failed { .. } => ErrorKind::Failed,
            Self::Deadline { .. } => ErrorKind::Deadline,
            Self::GuardGone { .. } => ErrorKind::GuardGone,
            Self::Refused { .. } => ErrorKind::Refused,
            Self::Malformed { .. } => ErrorKind::Malformed,
        }
    }

    /// For `map_err`: the system's error with what was tried.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
