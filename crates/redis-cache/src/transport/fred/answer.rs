//! fred's frames and errors, as ours.

use super::Settings;
use crate::{
    Error, ErrorKind,
    transport::{Reply, refused},
};
use fred::{
    error::{Error as FredError, ErrorKind as FredKind},
    interfaces::Resp3Frame,
};

impl From<Resp3Frame> for Reply {
    fn from(frame: Resp3Frame) -> Self {
        match frame {
            Resp3Frame::BlobString { data, .. }
            | Resp3Frame::SimpleString { data, .. }
            | Resp3Frame::BigNumber { data, .. }
            | Resp3Frame::VerbatimString { data, .. }
            | Resp3Frame::ChunkedString(data) => Self::Text(data),
            Resp3Frame::Null | Resp3Frame::Hello { .. } => Self::Nil,
            Resp3Frame::Number { data, .. } => Self::Number(data),
            Resp3Frame::Boolean { data, .. } => Self::Number(data.into()),
            Resp3Frame::Double { data, .. } => Self::Text(data.to_string().into()),
            Resp3Frame::SimpleError { data, .. } => Self::Refused(data.to_string()),
            Resp3Frame::BlobError { data, .. } => Self::Refused(String::from_utf8_lossy(&data).into_owned()),
            Resp3Frame::Array { data, .. } | Resp3Frame::Push { data, .. } => {
                Self::Many(data.into_iter().map(Self::from).collect())
            }
            Resp3Frame::Set { data, .. } => Self::Many(data.into_iter().map(Self::from).collect()),
            Resp3Frame::Map { data, .. } => {
                Self::Many(data.into_iter().flat_map(|(key, value)| [key.into(), value.into()]).collect())
            }
        }
    }
}

impl Settings {
    #[cold]
    pub(super) fn error(&self, error: &FredError) -> Error {
        if is_elsewhere(error) {
            return Error::moving().with_source(error.details().to_owned());
        }
        let server = &self.server;
        let kind = match error.kind() {
            FredKind::Timeout => ErrorKind::Timeout,
            FredKind::Backpressure => ErrorKind::Backpressure,
            _ if is_servers(error) => return refused(error.details()),
            FredKind::IO | FredKind::Canceled | FredKind::Routing | FredKind::Cluster | FredKind::Unknown => {
                ErrorKind::Unavailable
            }
            _ => ErrorKind::Server,
        };
        let message = match kind {
            ErrorKind::Timeout => {
                format!("redis at {server} did not answer within {:?}", self.command_timeout)
            }
            ErrorKind::Backpressure => {
                format!("{} commands wait for redis at {server} already", self.max_queued)
            }
            ErrorKind::Server => format!("redis at {server} answered with an error"),
            _ => format!("redis at {server} cannot be reached"),
        };
        Error::new(kind, message).with_source(error.details().to_owned())
    }
}

impl Settings {
    /// Of a command that was sent, to a server of which nothing was heard since.
    #[cold]
    pub(super) fn lost(&self, error: &FredError) -> Error {
        let message = format!("the connection to redis at {} was lost before it answered", self.server);
        Error::new(ErrorKind::Timeout, message).with_source(error.details().to_owned())
    }
}

/// Whether the command may have reached the server: all but what fred refuses before it sends it.
pub(super) fn is_lost(error: &FredError) -> bool {
    match error.kind() {
        FredKind::IO | FredKind::Parse | FredKind::Protocol => true,
        // In so many words it says that it was not connected.
        FredKind::Canceled => error.details() != "Connection closed unexpectedly.",
        _ => false,
    }
}

/// Whether the server that was asked says that another one has the key.
pub(super) fn is_elsewhere(error: &FredError) -> bool {
    matches!(error.kind(), FredKind::Routing) && error.details() == "Too many redirections."
}

/// fred's kinds tell the server's errors from its own only in part; the server's begin with a word in capitals.
fn is_servers(error: &FredError) -> bool {
    let code = error.details().split(' ').next().unwrap_or_default();
    code.len() > 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}
