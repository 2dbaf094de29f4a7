use super::Origin;
use bytes::Bytes;
use http::StatusCode;
use perfect21_concurrency::balance::NoEndpoint;
use std::{error::Error, time::Duration};

type Source = Box<dyn Error + Send + Sync>;

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The request cannot be sent as it is; no server was asked.
    #[error("{what} is not valid")]
    #[non_exhaustive]
    BadRequest {
        /// Its path, a header, or its body.
        what: String,
        /// What is wrong with it.
        source: Source,
    },
    /// There was no server to ask.
    #[error("no server to ask")]
    NoEndpoint(#[source] NoEndpoint),
    /// A server did not answer in time.
    #[error("{origin} did not answer within {timeout:?}")]
    #[non_exhaustive]
    Timeout {
        /// The server.
        origin: Origin,
        /// The time that it had.
        timeout: Duration,
    },
    /// The client could not ask a server, or lost its answer.
    #[error("{origin} was not reached")]
    #[non_exhaustive]
    Client {
        /// The server.
        origin: Origin,
        /// The client's own error.
        source: Source,
    },
    /// A server answered, but not with success.
    #[error("{origin} answered {status}")]
    #[non_exhaustive]
    Status {
        /// The server.
        origin: Origin,
        /// Its answer.
        status: StatusCode,
        /// What it said beside; empty where that was longer than `max_body`.
        body: Bytes,
        /// After how long it asks to be asked again.
        retry_after: Option<Duration>,
    },
    /// An answer was longer than `max_body`.
    #[error("the answer of {origin} is longer than {max_body} bytes")]
    #[non_exhaustive]
    TooLong {
        /// The server.
        origin: Origin,
        /// The most that is taken.
        max_body: usize,
    },
    /// An answer was not the JSON that was expected.
    #[error("the answer of {origin} is not what was expected")]
    #[non_exhaustive]
    Decode {
        /// The server.
        origin: Origin,
        /// What was wrong, and where.
        source: serde_json::Error,
    },
}

impl UpstreamError {
    /// The status of an answer without success.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        if let Self::Status { status, .. } = self { Some(*status) } else { None }
    }
}
