use std::{error::Error, fmt, time::Duration};

/// Why a [`Loader`](super::Loader) brought no value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The load failed.
    Load(E),
    /// The load took longer than the hard timeout; it goes on, and what it brings will be stored.
    TimedOut {
        /// The hard timeout.
        after: Duration,
    },
    /// As many loads are under way as there may be.
    Overloaded {
        /// How many that is.
        max_loads: usize,
    },
    /// The load panicked, on another thread.
    Panicked,
    /// A batch load answered for another number of keys than it was asked for.
    WrongCount {
        /// Keys that it was asked for.
        asked: usize,
        /// Results that it gave.
        given: usize,
    },
}

/// The kinds of [`LoadError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The load failed.
    Load,
    /// It took too long.
    TimedOut,
    /// Too many loads are under way.
    Overloaded,
    /// It panicked.
    Panicked,
    /// A batch of another size came back.
    WrongCount,
}

impl<E> LoadError<E> {
    /// Which kind it is, without the load's own error.
    #[must_use]
    pub fn kind(&self) -> LoadErrorKind {
        match self {
            Self::Load(_) => LoadErrorKind::Load,
            Self::TimedOut { .. } => LoadErrorKind::TimedOut,
            Self::Overloaded { .. } => LoadErrorKind::Overloaded,
            Self::Panicked => LoadErrorKind::Panicked,
            Self::WrongCount { .. } => LoadErrorKind::WrongCount,
        }
    }

    /// The load's own error, if it is one.
    #[must_use]
    pub fn into_load(self) -> Option<E> {
        match self {
            Self::Load(error) => Some(error),
            _ => None,
        }
    }
}

impl<E> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(_) => f.write_str("the value could not be loaded"),
            Self::TimedOut { after } => write!(f, "the load took longer than {after:?}"),
            Self::Overloaded { max_loads } => {
                write!(f, "{max_loads} loads are under way, which is as many as there may be")
            }
            Self::Panicked => f.write_str("the load panicked"),
            Self::WrongCount { asked, given } => {
                write!(f, "the batch load gave {given} results for {asked} keys")
            }
        }
    }
}

impl<E: Error + 'static> Error for LoadError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Load(error) => Some(error),
            _ => None,
        }
    }
}
