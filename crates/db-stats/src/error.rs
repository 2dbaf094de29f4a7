use std::time::Duration;
use tokio_postgres::error::SqlState;

/// What kind of [`Error`] it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// All connections were in use for the whole wait: a larger pool or faster statements help.
    Exhausted,
    /// No connection could be opened: the server, the network or the credentials.
    Unreachable,
    /// The server refused the statement, or the connection was lost under it.
    Statement,
}

/// Why a pool or a statement failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Inner);

#[derive(Debug, thiserror::Error)]
enum Inner {
    #[error("all {size} connections were in use for {waited:?}")]
    Exhausted { size: usize, waited: Duration },
    #[error("no connection to the database within {waited:?}")]
    ConnectTimeout { waited: Duration },
    #[error("cannot connect to the database")]
    Unreachable { source: tokio_postgres::Error },
    #[error("the statement failed")]
    Statement { source: tokio_postgres::Error },
}

impl Error {
    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.0 {
            Inner::Exhausted { .. } => ErrorKind::Exhausted,
            Inner::ConnectTimeout { .. } | Inner::Unreachable { .. } => ErrorKind::Unreachable,
            Inner::Statement { .. } => ErrorKind::Statement,
        }
    }

    /// The SQLSTATE, where the server sent one.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        match &self.0 {
            Inner::Unreachable { source } | Inner::Statement { source } => source.code(),
            _ => None,
        }
    }

    #[cold]
    pub(crate) fn exhausted(size: usize, waited: Duration) -> Self {
        Self(Inner::Exhausted { size, waited })
    }

    #[cold]
    pub(crate) fn connect_timeout(waited: Duration) -> Self {
        Self(Inner::ConnectTimeout { waited })
    }

    #[cold]
    pub(crate) fn unreachable(source: tokio_postgres::Error) -> Self {
        Self(Inner::Unreachable { source })
    }

    #[cold]
    pub(crate) fn statement(source: tokio_postgres::Error) -> Self {
        Self(Inner::Statement { source })
    }
}
