use std::{error::Error as _, io, time::Duration};
use tokio_postgres::error::{DbError, SqlState};

/// Why one attempt to connect failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the host {host} has no address")]
    Lookup { host: String, source: io::Error },
    #[error("{peer} is not reached")]
    Socket { peer: String, source: io::Error },
    #[error("{peer} gives no session")]
    Session { peer: String, source: tokio_postgres::Error },
    #[error("{peer} gave no answer within {limit:?}")]
    Silent { peer: String, limit: Duration },
    #[error("{peer} offers no TLS, and sslmode = require asks for it")]
    NoTls { peer: String },
    // Without the feature there is nothing that could fail.
    #[error("{peer} agrees to no TLS session")]
    Tls { peer: String, source: io::Error },
    #[error("{peer} is {found}, and {wanted} is asked for")]
    Role { peer: String, found: &'static str, wanted: &'static str },
    #[error("the configuration names no host")]
    NoHost,
}

impl ConnectError {
    /// The SQLSTATE, where the server sent one.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Session { source, .. } => source.code(),
            _ => None,
        }
    }

    /// Trying again cannot help until somebody changes something: credentials, rights, the database's name, settings.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Session { source, .. } => match source.code() {
                Some(code) => {
                    ["28", "3D", "22", "42"].into_iter().any(|class| code.code().starts_with(class))
                }
                // What is neither the server's word nor the network's is the configuration's.
                None => {
                    source.source().is_some_and(|cause| !cause.is::<io::Error>() && !cause.is::<DbError>())
                }
            },
            Self::NoHost | Self::NoTls { .. } => true,
            // A certificate that is not trusted, a wrong name; a stream that broke may be another time.
            Self::Tls { source, .. } => source.kind() == io::ErrorKind::InvalidData,
            _ => false,
        }
    }
}
