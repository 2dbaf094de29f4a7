//! TLS, or its absence. The stream is followed within it, since outside nothing could be read.

use super::{Peer, error::ConnectError, socket::Socket, stream::Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::config::{Config, SslMode, SslNegotiation};

/// The caller's configuration.
#[cfg(feature = "rustls")]
pub(crate) type Tls = std::sync::Arc<tokio_rustls::rustls::ClientConfig>;
/// Without the feature there is none.
#[cfg(not(feature = "rustls"))]
#[derive(Debug, Clone)]
pub(crate) enum Tls {}

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A stream to the server, encrypted where that is asked for and possible.
pub(super) async fn open(peer: &Peer, config: &Config, tls: Option<&Tls>) -> Result<Stream, ConnectError> {
    let failed = |source| ConnectError::Socket { peer: peer.to_string(), source };
    let mut socket = Socket::open(peer, config).await.map_err(failed)?;
    let required = config.get_ssl_mode() == SslMode::Require;
    let (Some(tls), Peer::Tcp { host, .. }, true) = (tls, peer, config.get_ssl_mode() != SslMode::Disable)
    else {
        // A Unix socket leaves the machine for nobody to read.
        return Ok(Stream::Plain(socket));
    };
    if config.get_ssl_negotiation() == SslNegotiation::Postgres {
        socket.write_all(&SSL_REQUEST).await.map_err(failed)?;
        let mut answer = [0];
        // One byte, and none of what may come behind it: that would be from somebody in between.
        socket.read_exact(&mut answer).await.map_err(failed)?;
        match answer {
            [b'S'] => {}
            _ if required => return Err(ConnectError::NoTls { peer: peer.to_string() }),
            _ => return Ok(Stream::Plain(socket)),
        }
    }
    encrypt(socket, host, tls).await.map_err(|source| ConnectError::Tls { peer: peer.to_string(), source })
}

#[cfg(feature = "rustls")]
async fn encrypt(socket: Socket, host: &str, tls: &Tls) -> std::io::Result<Stream> {
    use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    let stream = TlsConnector::from(std::sync::Arc::clone(tls)).connect(name, socket).await?;
    Ok(Stream::Tls(Box::new(stream)))
}

#[cfg(not(feature = "rustls"))]
async fn encrypt(_socket: Socket, _host: &str, tls: &Tls) -> std::io::Result<Stream> {
    match *tls {}
}
