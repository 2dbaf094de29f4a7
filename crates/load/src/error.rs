use std::{io, net::SocketAddr};

/// What kind of [`Error`] kept a run from its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Not all of the connections that were asked for could be opened.
    Connect,
    /// The generator could not get its thread, timer or event loop from the operating system.
    System,
    /// The generator itself failed: a bug.
    Internal,
}

/// Why a run ended without a report.
///
/// What goes wrong with a request once the run is under way is counted in the report and is no error.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Error(Inner);

#[derive(Debug, Clone, thiserror::Error)]
enum Inner {
    #[error("opened {opened} of {wanted} connections to {address}")]
    Connect { address: SocketAddr, opened: usize, wanted: usize, source: Cause },
    #[error("cannot start the generator")]
    System { source: Cause },
    #[error("the generator's thread panicked")]
    Internal,
}

/// An [`io::Error`] that can be cloned.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
struct Cause {
    message: String,
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self { message: error.to_string() }
    }
}

impl Error {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.0 {
            Inner::Connect { .. } => ErrorKind::Connect,
            Inner::System { .. } => ErrorKind::System,
            Inner::Internal => ErrorKind::Internal,
        }
    }

    #[cold]
    pub(crate) fn connect(address: SocketAddr, opened: usize, wanted: usize, source: io::Error) -> Self {
        Self(Inner::Connect { address, opened, wanted, source: source.into() })
    }

    #[cold]
    pub(crate) fn system(source: io::Error) -> Self {
        Self(Inner::System { source: source.into() })
    }

    #[cold]
    pub(crate) fn internal() -> Self {
        Self(Inner::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn each_link_of_the_chain_is_printed_once() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "refused");
        let error = Error::connect(([127, 0, 0, 1], 80).into(), 3, 10, refused);
        assert_eq!(error.to_string(), "opened 3 of 10 connections to 127.0.0.1:80");
        assert_eq!(error.source().map(ToString::to_string), Some("refused".to_owned()));
        assert_eq!(error.kind(), ErrorKind::Connect);
    }
}
