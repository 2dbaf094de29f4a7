use crate::{connect::ConnectError, fingerprint::normalize, pool::Holder};
use std::{fmt, sync::Arc, time::Duration};
use tokio_postgres::{error::SqlState, types::WrongType};

/// What kind of [`Error`] it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// All connections were in use for the whole wait: a larger pool or faster statements help.
    Exhausted,
    /// No connection could be opened: the server, the network or the credentials.
    Unreachable,
    /// The pool was paused for the whole wait.
    Paused,
    /// The pool is closed.
    Closed,
    /// The server refused the statement, or the connection was lost under it.
    Statement,
    /// The connection was lost before: the statement was not sent, and can be run again on another connection.
    Lost,
    /// The server did not even end the statement by its time-out: the connection is given up, and whether the statement
    /// took effect is not known.
    Unanswered,
    /// The statement gave another number of rows than asked for.
    RowCount,
    /// The transaction cannot be committed: a statement in it failed.
    Aborted,
    /// Parameters without types, which a transaction pooler does not allow.
    Untyped,
    /// A column of a cached row that is not there, or not of the type that it is read as.
    Column,
    /// No table of that name.
    NoTable,
    /// A statement that cannot run on a connection that others use too.
    NotShared,
    /// The client is within a transaction, where it must not be.
    InTransaction,
    /// The table, the role or the session is not as the work needs it: the text says what is, and what would be right.
    Unfit,
    /// Rights are missing: the error says which would do.
    Denied,
    /// The server does not take what it was given, and has again what it had.
    Refused,
    /// A lock that others held for all the tries: nothing is broken, and it can be begun again.
    Busy,
}

/// Why a pool or a statement failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Inner>);

#[derive(Debug, thiserror::Error)]
#[allow(dead_code, reason = "some are of one feature")]
enum Inner {
    #[error(
        "all {size} connections were in use for {waited:?}, with {waiting} waiting{}",
        Longest(.longest.as_ref())
    )]
    Exhausted { size: usize, in_use: usize, waiting: usize, waited: Duration, longest: Option<Holder> },
    #[error("no connection to the database, which is not reached since {since:?}")]
    Unreachable { since: Duration, source: Arc<ConnectError> },
    #[error("no connection to the database within {waited:?}")]
    Slow { waited: Duration },
    #[error("the pool was paused for {waited:?}")]
    Paused { waited: Duration },
    #[error("the pool is closed")]
    Closed,
    #[error("the statement failed")]
    Statement { source: tokio_postgres::Error },
    #[error("the server gave no answer within {limit:?}")]
    Unanswered { limit: Duration },
    #[error("the connection is lost, and the statement was not sent")]
    Lost,
    #[error("the statement gave {rows} rows, not one")]
    RowCount { rows: usize },
    #[error("the transaction is not committed: a statement in it failed")]
    Aborted,
    #[error("behind a transaction pooler parameters need their types: use query_typed")]
    Untyped,
    #[error("the column {column} cannot be read")]
    Column { column: String, source: Box<dyn std::error::Error + Sync + Send> },
    #[error(
        "there is no table {name} that this user sees: schemas and capital letters are written as in SQL"
    )]
    NoTable { name: String },
    #[error("only reads run on a shared connection, not: {sql}")]
    NotShared { sql: String },
    /// Of a load that several callers waited for.
    #[error(transparent)]
    Shared(Arc<Error>),
    #[cfg(any(feature = "advisor", feature = "index", feature = "partition", feature = "tuner"))]
    #[error("the client is within a transaction: give one that is not")]
    InTransaction,
    #[cfg(any(feature = "advisor", feature = "tuner"))]
    #[error("the server cannot be read: {why}")]
    Unreadable { why: String },
    #[error("{doing}: rights are missing; what is needed: {needs}")]
    Denied { doing: String, needs: String, source: Option<tokio_postgres::Error> },
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unfit(String),
    #[error("{doing}: others held the lock for {waited:?}")]
    Busy { doing: String, waited: Duration, source: Option<tokio_postgres::Error> },
    #[error("{doing} failed")]
    Step { doing: String, source: tokio_postgres::Error },
}

struct Longest<'a>(Option<&'a Holder>);

impl fmt::Display for Longest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(holder) => write!(f, "; the longest one is held by {holder}"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match *self.0 {
            Inner::Exhausted { .. } => ErrorKind::Exhausted,
            Inner::Slow { .. } | Inner::Unreachable { .. } => ErrorKind::Unreachable,
            Inner::Paused { .. } => ErrorKind::Paused,
            Inner::Closed => ErrorKind::Closed,
            Inner::Statement { .. } | Inner::Step { .. } => ErrorKind::Statement,
            Inner::Lost => ErrorKind::Lost,
            Inner::Unanswered { .. } => ErrorKind::Unanswered,
            Inner::RowCount { .. } => ErrorKind::RowCount,
            Inner::Aborted => ErrorKind::Aborted,
            Inner::Untyped => ErrorKind::Untyped,
            Inner::Column { .. } => ErrorKind::Column,
            Inner::NoTable { .. } => ErrorKind::NoTable,
            Inner::NotShared { .. } => ErrorKind::NotShared,
            Inner::Shared(ref error) => error.kind(),
            #[cfg(any(feature = "advisor", feature = "index", feature = "partition", feature = "tuner"))]
            Inner::InTransaction => ErrorKind::InTransaction,
            #[cfg(any(feature = "advisor", feature = "tuner"))]
            Inner::Unreadable { .. } => ErrorKind::Statement,
            Inner::Denied { .. } => ErrorKind::Denied,
            Inner::Refused(_) => ErrorKind::Refused,
            Inner::Unfit(_) => ErrorKind::Unfit,
            Inner::Busy { .. } => ErrorKind::Busy,
        }
    }

    /// The SQLSTATE, where the server sent one.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        match &*self.0 {
            Inner::Statement { source } | Inner::Step { source, .. } => source.code(),
            Inner::Busy { source, .. } | Inner::Denied { source, .. } => {
                source.as_ref().and_then(tokio_postgres::Error::code)
            }
            Inner::Unreachable { source, .. } => source.code(),
            Inner::Shared(error) => error.code(),
            _ => None,
        }
    }

    /// Of an exhausted pool: who has had a connection for longest.
    #[must_use]
    pub fn longest(&self) -> Option<Holder> {
        match *self.0 {
            Inner::Exhausted { longest, .. } => longest,
            Inner::Shared(ref error) => error.longest(),
            _ => None,
        }
    }

    /// Of an exhausted pool: how many connections were in use.
    #[must_use]
    pub fn in_use(&self) -> Option<usize> {
        match *self.0 {
            Inner::Exhausted { in_use, .. } => Some(in_use),
            Inner::Shared(ref error) => error.in_use(),
            _ => None,
        }
    }

    /// Of a server that is not reached: for how long it has been so.
    #[must_use]
    pub fn unreachable_for(&self) -> Option<Duration> {
        match *self.0 {
            Inner::Unreachable { since, .. } => Some(since),
            Inner::Shared(ref error) => error.unreachable_for(),
            _ => None,
        }
    }

    /// A parameter is not of the type that the statement has by now.
    pub(crate) fn is_wrong_type(&self) -> bool {
        use std::error::Error as _;
        match &*self.0 {
            Inner::Statement { source } => source.source().is_some_and(|cause| cause.is::<WrongType>()),
            Inner::Shared(error) => error.is_wrong_type(),
            _ => false,
        }
    }

    #[cold]
    fn new(inner: Inner) -> Self {
        Self(Box::new(inner))
    }

    pub(crate) fn exhausted(
        size: usize,
        in_use: usize,
        waiting: usize,
        waited: Duration,
        longest: Option<Holder>,
    ) -> Self {
        Self::new(Inner::Exhausted { size, in_use, waiting, waited, longest })
    }

    pub(crate) fn slow(waited: Duration) -> Self {
        Self::new(Inner::Slow { waited })
    }

    pub(crate) fn unreachable(since: Duration, source: Arc<ConnectError>) -> Self {
        Self::new(Inner::Unreachable { since, source })
    }

    pub(crate) fn paused(waited: Duration) -> Self {
        Self::new(Inner::Paused { waited })
    }

    pub(crate) fn closed() -> Self {
        Self::new(Inner::Closed)
    }

    pub(crate) fn statement(source: tokio_postgres::Error) -> Self {
        Self::new(Inner::Statement { source })
    }

    pub(crate) fn unanswered(limit: Duration) -> Self {
        Self::new(Inner::Unanswered { limit })
    }

    pub(crate) fn lost() -> Self {
        Self::new(Inner::Lost)
    }

    pub(crate) fn row_count(rows: usize) -> Self {
        Self::new(Inner::RowCount { rows })
    }

    pub(crate) fn aborted() -> Self {
        Self::new(Inner::Aborted)
    }

    pub(crate) fn column(
        column: impl fmt::Display,
        source: Box<dyn std::error::Error + Sync + Send>,
    ) -> Self {
        Self::new(Inner::Column { column: column.to_string(), source })
    }

    pub(crate) fn no_table(name: &str) -> Self {
        Self::new(Inner::NoTable { name: name.to_owned() })
    }

    pub(crate) fn not_shared(sql: &str) -> Self {
        Self::new(Inner::NotShared { sql: normalize(sql) })
    }

    pub(crate) fn shared(error: Arc<Self>) -> Self {
        Arc::try_unwrap(error).unwrap_or_else(|error| Self::new(Inner::Shared(error)))
    }

    pub(crate) fn untyped() -> Self {
        Self::new(Inner::Untyped)
    }

    #[cfg(any(feature = "advisor", feature = "index", feature = "partition", feature = "tuner"))]
    pub(crate) fn in_transaction() -> Self {
        Self::new(Inner::InTransaction)
    }

    #[cfg(any(feature = "advisor", feature = "tuner"))]
    pub(crate) fn unreadable(why: String) -> Self {
        Self::new(Inner::Unreadable { why })
    }

    #[cfg(any(feature = "index", feature = "partition"))]
    pub(crate) fn unfit(problem: impl Into<String>) -> Self {
        Self::new(Inner::Unfit(problem.into()))
    }

    #[cfg(any(feature = "index", feature = "partition"))]
    pub(crate) fn busy(
        doing: impl Into<String>,
        waited: Duration,
        source: Option<tokio_postgres::Error>,
    ) -> Self {
        Self::new(Inner::Busy { doing: doing.into(), waited, source })
    }

    #[cfg(feature = "tuner")]
    pub(crate) fn denied(doing: impl Into<String>, needs: impl Into<String>) -> Self {
        Self::new(Inner::Denied { doing: doing.into(), needs: needs.into(), source: None })
    }

    #[cfg(feature = "tuner")]
    pub(crate) fn denied_by(
        doing: impl Into<String>,
        needs: impl Into<String>,
        source: tokio_postgres::Error,
    ) -> Self {
        Self::new(Inner::Denied { doing: doing.into(), needs: needs.into(), source: Some(source) })
    }

    #[cfg(feature = "tuner")]
    pub(crate) fn refused(why: String) -> Self {
        Self::new(Inner::Refused(why))
    }

    #[cfg(any(feature = "index", feature = "partition", feature = "tuner"))]
    pub(crate) fn step(doing: impl Into<String>, source: tokio_postgres::Error) -> Self {
        Self::new(Inner::Step { doing: doing.into(), source })
    }
}
