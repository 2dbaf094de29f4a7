use perfect21_core::ConfigError;
use std::{borrow::Cow, error};

/// Why the cache could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

/// What went wrong, to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is wrong.
    Config,
    /// There is no connection to the server.
    Unavailable,
    /// The server did not answer in time; a write may or may not have been done.
    Timeout,
    /// Too many commands wait for the server already.
    Backpressure,
    /// The server answered with an error.
    Server,
    /// A key or value is larger than it may be.
    TooLarge,
    /// The value cannot be written in the cache's codec.
    Encode,
}

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, to match on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::new(ErrorKind::Config, error.to_string())
    }
}

/// Why [`get_or_load`](crate::Cache::get_or_load) has no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The cache failed, and its policy is strict.
    #[error("the cache failed")]
    Cache(#[source] Error),
    /// The caller's own load failed.
    #[error("the load failed")]
    Load(#[source] E),
}
