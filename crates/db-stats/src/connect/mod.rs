//! Opens sessions, with their streams followed, and cancels what runs in them.

mod error;
mod peer;
mod socket;
mod stream;
mod tls;

use crate::wire::{Sniffed, Wire};
use std::{sync::Arc, time::Duration};
use tokio::{io::AsyncReadExt, task::AbortHandle, time::timeout};
use tokio_postgres::{
    AsyncMessage, CancelToken, Client, Config, NoTls, Notification, SimpleQueryMessage,
    config::{LoadBalanceHosts, SslMode, TargetSessionAttrs},
};

pub(crate) use error::ConnectError;
pub(crate) use peer::{Peer, hosts};
pub(crate) use tls::Tls;

/// Told of notifications, on the task that moves the session's messages; dropped when that ends.
pub(crate) type Heard = Box<dyn FnMut(&Notification) + Send>;

/// Knows where the server is and how to get in.
#[derive(Debug)]
pub(crate) struct Connector {
    config: Config,
    /// For each address, from the first packet to a session that is ready.
    limit: Duration,
    tls: Option<Tls>,
}

/// A session, ready for statements.
#[derive(Debug)]
pub(crate) struct Session {
    pub client: Client,
    pub wire: Arc<Wire>,
    pub peer: Peer,
    pub driver: Driver,
}

/// The task that moves a session's messages.
#[derive(Debug)]
pub(crate) struct Driver {
    task: AbortHandle,
    wire: Arc<Wire>,
}

impl Driver {
    pub(crate) fn handle(&self) -> AbortHandle {
        self.task.clone()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // An idle session says goodbye; for another one's answer nobody waits, so its socket is closed at once.
        if !self.wire.status().is_idle() {
            self.task.abort();
        }
    }
}

impl Connector {
    pub(crate) fn new(config: Config, limit: Duration, tls: Option<Tls>) -> Self {
        Self { config, limit, tls }
    }

    /// The same for sessions that write nothing.
    pub(crate) fn read_only(&self) -> Self {
        let mut config = self.config.clone();
        let options = config.get_options().unwrap_or_default();
        let options = format!("{options} -c default_transaction_read_only=on");
        config.options(options);
        Self { config, limit: self.limit, tls: self.tls.clone() }
    }

    /// The first host that gives a session of the kind that is asked for.
    pub(crate) async fn connect(&self) -> Result<Session, ConnectError> {
        self.connect_with(&|| None).await
    }

    /// [`connect`](Self::connect) with somebody who listens, made for each attempt.
    pub(crate) async fn connect_with(
        &self,
        heard: &(dyn Fn() -> Option<Heard> + Sync),
    ) -> Result<Session, ConnectError> {
        let mut order: Vec<_> = (0..hosts(&self.config)).collect();
        if self.config.get_load_balance_hosts() == LoadBalanceHosts::Random {
            fastrand::shuffle(&mut order);
        }
        let mut last = ConnectError::NoHost;
        for index in order {
            let peers = match timeout(self.limit, peer::addresses(&self.config, index)).await {
                Ok(Ok(peers)) => peers,
                Ok(Err(error)) => {
                    last = error;
                    continue;
                }
                Err(_) => {
                    last = ConnectError::Silent { peer: "the name service".to_owned(), limit: self.limit };
                    continue;
                }
            };
            for peer in peers {
                let silent = || ConnectError::Silent { peer: peer.to_string(), limit: self.limit };
                match timeout(self.limit, self.open(&peer, heard())).await.unwrap_or_else(|_| Err(silent())) {
                    Ok(session) => return Ok(session),
                    Err(error) => last = error,
                }
            }
        }
        Err(last)
    }

    async fn open(&self, peer: &Peer, heard: Option<Heard>) -> Result<Session, ConnectError> {
        let refused = |source| ConnectError::Session { peer: peer.to_string(), source };
        let stream = tls::open(peer, &self.config, self.tls.as_ref()).await?;
        let wire = Arc::new(Wire::default());
        let stream = Sniffed::new(stream, Arc::clone(&wire));
        // Encrypted by now, where it is to be.
        let mut config = self.config.clone();
        config.ssl_mode(SslMode::Disable);
        let (client, mut connection) = config.connect_raw(stream, NoTls).await.map_err(refused)?;
        // How it ended is seen by the statements on it, and on the wire.
        let task = match heard {
            None => tokio::spawn(async { drop(connection.await) }),
            Some(mut heard) => tokio::spawn(async move {
                while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                    if let AsyncMessage::Notification(notification) = message {
                        heard(&notification);
                    }
                }
            }),
        };
        let task = task.abort_handle();
        let driver = Driver { task, wire: Arc::clone(&wire) };
        let session = Session { client, wire, peer: peer.clone(), driver };
        self.has_role(&session).await?;
        Ok(session)
    }

    async fn has_role(&self, session: &Session) -> Result<(), ConnectError> {
        let wanted = match self.config.get_target_session_attrs() {
            TargetSessionAttrs::ReadWrite => "off",
            TargetSessionAttrs::ReadOnly => "on",
            _ => return Ok(()),
        };
        let refused = |source| ConnectError::Session { peer: session.peer.to_string(), source };
        let answer = session.client.simple_query("SHOW transaction_read_only").await.map_err(refused)?;
        let found = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        if found == Some(wanted) {
            return Ok(());
        }
        let (found, wanted) =
            if wanted == "off" { ("read-only", "read-write") } else { ("read-write", "read-only") };
        Err(ConnectError::Role { peer: session.peer.to_string(), found, wanted })
    }

    /// Asks the server to cancel what the session runs, and returns when the server has done what it can: until then
    /// the request could hit a later statement. For [`limit`](Self::new) at most.
    pub(crate) async fn cancel(&self, peer: &Peer, token: &CancelToken) -> bool {
        let asking = async {
            let Ok(mut stream) = tls::open(peer, &self.config, self.tls.as_ref()).await else { return false };
            if token.cancel_query_raw(&mut stream, NoTls).await.is_err() {
                return false;
            }
            // The server closes the stream after it sent the signal.
            !matches!(stream.read(&mut [0]).await, Ok(1..))
        };
        timeout(self.limit, asking).await.unwrap_or(false)
    }
}
