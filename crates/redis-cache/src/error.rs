use perfect21_core::ConfigError;
use std::{borrow::Cow, error, fmt, sync::Arc};

/// Why the cache could not do what it was asked.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    /// Shared, because one failure may be told to many callers.
    source: Option<Arc<dyn error::Error + Send + Sync>>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn error::Error + 'static))
    }
}

/// What went wrong, to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is wrong.
    Config,
    /// There is no connection to the server, or it was given up for a while because too much failed.
    Unavailable,
    /// The server did not answer in time, or the connection was lost before it did; a write may or may not have been done.
    Timeout,
    /// Too many commands wait for the server already.
    Backpressure,
    /// The server answered with an error.
    Server,
    /// A value is larger than it may be.
    TooLarge,
    /// The value cannot be written in the cache's codec.
    Encode,
}

const MOVING: &str = "the key is on its way to another server";

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// What went wrong, to match on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The servers are there, and one of them is giving this key to another one.
    #[cold]
    #[cfg_attr(not(feature = "fred"), allow(dead_code, reason = "memory has no servers"))]
    pub(crate) fn moving() -> Self {
        Self::new(ErrorKind::Unavailable, MOVING)
    }

    /// Whether it is [`moving`](Self::moving).
    #[cfg_attr(not(feature = "fred"), allow(dead_code, reason = "memory has no servers"))]
    pub(crate) fn is_moving(&self) -> bool {
        self.message == MOVING
    }

    #[cfg(feature = "fred")]
    fn server_says(&self, code: &str) -> bool {
        self.source.as_ref().is_some_and(|source| source.to_string().starts_with(code))
    }

    /// Whether something that is not a string stands under a key.
    #[cfg(feature = "fred")]
    pub(crate) fn is_wrong_type(&self) -> bool {
        self.kind == ErrorKind::Server && self.server_says("WRONGTYPE")
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::new(ErrorKind::Config, error.to_string())
    }
}

/// Why [`get_or_load`](crate::Cache::get_or_load) has no value. What the user's load fails with is shared with all who
/// waited for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The cache failed, and its policy is strict.
    #[error("the cache failed")]
    Cache(#[source] Error),
    /// The load failed, this caller's own or the one that it waited for.
    #[error("the load failed")]
    Load(#[source] Arc<E>),
    /// The load that this caller waited for failed with an error of another type, of which this is the text.
    #[error("another caller's load failed: {0}")]
    Other(String),
    /// The load took longer than it may.
    #[error("the load took longer than {0:?}")]
    TimedOut(std::time::Duration),
    /// The load panicked, or the runtime that it ran in was shut down.
    #[error("the load was ended: {0}")]
    Ended(String),
}
