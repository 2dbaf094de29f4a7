use crate::{Error, ErrorKind};
use bytes::Bytes;

/// What a server answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Nil,
    Text(Bytes),
    Number(i64),
    Many(Vec<Self>),
    /// An error within an answer of several parts.
    Refused(String),
}

impl Reply {
    pub(crate) fn number(self) -> Result<i64, Error> {
        match self {
            Self::Number(number) => Ok(number),
            other => Err(other.unexpected("a number")),
        }
    }

    pub(crate) fn many(self) -> Result<Vec<Self>, Error> {
        match self {
            Self::Many(parts) => Ok(parts),
            other => Err(other.unexpected("a list")),
        }
    }

    /// As it is, unless it is an error.
    pub(crate) fn sound(self) -> Result<Self, Error> {
        match self {
            Self::Refused(text) => Err(refused(&text)),
            other => Ok(other),
        }
    }

    #[cold]
    fn unexpected(self, wanted: &str) -> Error {
        match self {
            Self::Refused(text) => refused(&text),
            Self::Nil => Error::new(ErrorKind::Server, format!("redis answered with nothing, not {wanted}")),
            Self::Text(_) => {
                Error::new(ErrorKind::Server, format!("redis answered with a text, not {wanted}"))
            }
            Self::Number(number) => {
                Error::new(ErrorKind::Server, format!("redis answered with {number}, not {wanted}"))
            }
            Self::Many(parts) => {
                let message = format!("redis answered with a list of {}, not {wanted}", parts.len());
                Error::new(ErrorKind::Server, message)
            }
        }
    }
}

/// An error of the server's own, whose text begins with a code in capitals.
#[cold]
pub(crate) fn refused(text: &str) -> Error {
    // The server is there and cannot serve now.
    let away = ["LOADING", "MASTERDOWN", "CLUSTERDOWN", "READONLY", "BUSY"];
    let code = text.split(' ').next().unwrap_or_default();
    if code == "TRYAGAIN" {
        return Error::moving().with_source(text.to_owned());
    }
    let (kind, message) = if away.contains(&code) {
        (ErrorKind::Unavailable, "redis cannot serve now")
    } else {
        (ErrorKind::Server, "redis answered with an error")
    };
    Error::new(kind, message).with_source(text.to_owned())
}
