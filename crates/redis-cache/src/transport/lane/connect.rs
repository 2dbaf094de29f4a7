//! How a connection comes about, and who we say we are on it.

use crate::{
    Error, ErrorKind,
    transport::{Command, Node},
};
use bytes::Bytes;
use fred::types::config::{Config, ServerConfig};
use std::{fmt, io, path::PathBuf};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// Both ways of a stream, so that one can be written to while the other is read.
pub(super) struct Stream {
    pub(super) reading: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) writing: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Stream {
    fn new(
        (reading, writing): (
            impl AsyncRead + Send + Unpin + 'static,
            impl AsyncWrite + Send + Unpin + 'static,
        ),
    ) -> Self {
        Self { reading: Box::new(reading), writing: Box::new(writing) }
    }
}

/// What a server wants to know before it serves.
#[derive(Clone)]
pub(crate) struct Login {
    username: Option<String>,
    password: Option<String>,
    database: Option<u8>,
    path: Option<PathBuf>,
    #[cfg(feature = "tls")]
    tls: Option<fred::types::config::TlsConnector>,
}

impl Login {
    pub(crate) fn of(config: &Config) -> Self {
        let path = match &config.server {
            ServerConfig::Unix { path } => Some(path.clone()),
            _ => None,
        };
        Self {
            username: config.username.clone(),
            password: config.password.clone(),
            database: config.database.filter(|_| !config.server.is_clustered()),
            path,
            #[cfg(feature = "tls")]
            tls: config.tls.as_ref().map(|tls| tls.connector.clone()),
        }
    }

    /// What is said first, by a connection of this name.
    pub(super) fn steps(&self, name: &'static str) -> Vec<Command> {
        let mut hello: Vec<Bytes> = vec!["3".into()];
        if let Some(password) = &self.password {
            let username = self.username.clone().unwrap_or_else(|| "default".to_owned());
            hello.extend(["AUTH".into(), username.into(), password.clone().into()]);
        }
        hello.extend(["SETNAME".into(), name.into()]);
        let mut steps = vec![Command::new("HELLO", hello)];
        if let Some(database) = self.database {
            steps.push(Command::new("SELECT", [database.to_string().into()]));
        }
        steps
    }
}

pub(super) async fn connect(login: &Login, node: &Node) -> Result<Stream, Error> {
    let failed = |error: io::Error| {
        Error::new(ErrorKind::Unavailable, format!("redis at {node} cannot be reached")).with_source(error)
    };
    if let Some(path) = &login.path {
        return Ok(Stream::new(UnixStream::connect(path).await.map_err(failed)?.into_split()));
    }
    let stream = TcpStream::connect((&*node.host, node.port)).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    #[cfg(feature = "tls")]
    if let Some(fred::types::config::TlsConnector::Rustls(connector)) = &login.tls {
        let name = tokio_rustls::rustls::pki_types::ServerName::try_from(node.host.to_string())
            .map_err(|error| failed(io::Error::other(error)))?;
        return Ok(Stream::new(tokio::io::split(connector.connect(name, stream).await.map_err(failed)?)));
    }
    Ok(Stream::new(stream.into_split()))
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("database", &self.database).finish_non_exhaustive()
    }
}
