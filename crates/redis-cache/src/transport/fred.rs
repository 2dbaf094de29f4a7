//! fred, with every default changed that would let a cache wait, queue without bound, or write late.

use super::{Answer, Found, Transport, Write};
use crate::{
    Error, ErrorKind,
    fence::{FullKey, WriteTurn},
};
use bytes::Bytes;
use fred::{
    clients::{Client, WithOptions},
    error::{Error as FredError, ErrorKind as FredKind},
    interfaces::{ClientLike, KeysInterface},
    types::{
        Builder, ConnectHandle, Expiration, RespVersion,
        config::{Config, Options, ReconnectPolicy, UnresponsiveConfig},
    },
};
use perfect21_core::{ConfigError, Visitor};
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{sleep, timeout},
};

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) server: Arc<str>,
    pub(crate) command_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_queued: usize,
}

pub(crate) struct Fred {
    client: Client,
    commands: WithOptions<Client>,
    settings: Settings,
    _driver: Task<()>,
}

impl Fred {
    /// Connects in the background, and keeps trying.
    pub(crate) fn start(settings: Settings) -> Result<Self, ConfigError> {
        if Handle::try_current().is_err() {
            return Err(ConfigError::new("runtime", "none", "build() must be called within a tokio runtime"));
        }
        let client = settings.client(false).map_err(|error| settings.bad_url(&error))?;
        let connection = client.connect();
        Ok(Self::driven(client, connection, settings))
    }

    /// Connects, within `connect_timeout`.
    pub(crate) async fn connect(settings: Settings) -> Result<Self, Error> {
        let client = settings.client(true).map_err(|error| settings.bad_url(&error))?;
        let attempt = Attempt { client: client.clone(), ended: false };
        let connection = timeout(settings.connect_timeout, client.init()).await;
        let Ok(connection) = connection else {
            let (server, after) = (&settings.server, settings.connect_timeout);
            let message = format!("redis at {server} did not accept a connection within {after:?}");
            return Err(Error::new(ErrorKind::Timeout, message));
        };
        attempt.ended();
        let connection = connection.map_err(|error| settings.error(&error))?;
        Ok(Self::driven(client, connection, settings))
    }

    fn driven(client: Client, connection: ConnectHandle, settings: Settings) -> Self {
        let options = Options {
            max_attempts: Some(1),
            timeout: Some(settings.command_timeout),
            fail_fast: true,
            ..Options::default()
        };
        let driver = Task(tokio::spawn(drive(client.clone(), connection)));
        Self { commands: client.with_options(&options), client, settings, _driver: driver }
    }
}

/// fred reconnects by itself, except after errors that it holds for final; a server can be mended while we run.
async fn drive(client: Client, connection: ConnectHandle) {
    let mut connection = Task(connection);
    loop {
        // How it ended has been told to every command that waited.
        let _ = (&mut connection.0).await;
        sleep(Duration::from_secs(1)).await;
        connection = Task(client.connect());
    }
}

/// A task that ends with its owner.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A first attempt to connect, which must not go on when nobody waits for it.
struct Attempt {
    client: Client,
    ended: bool,
}

impl Attempt {
    fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let (false, Ok(runtime)) = (self.ended, Handle::try_current()) {
            let client = self.client.clone();
            runtime.spawn(async move { client.quit().await });
        }
    }
}

impl Settings {
    fn client(&self, must_connect: bool) -> Result<Client, FredError> {
        let mut config = self.config.clone();
        config.fail_fast = must_connect;
        config.version = RespVersion::RESP3;
        let mut policy = ReconnectPolicy::new_exponential(0, 20, 500, 2);
        policy.set_jitter(20);
        Builder::from_config(config)
            .set_policy(policy)
            .with_performance_config(|performance| performance.default_command_timeout = self.command_timeout)
            .with_connection_config(|connection| {
                connection.connection_timeout = self.connect_timeout;
                connection.internal_command_timeout = self.connect_timeout;
                connection.max_command_attempts = 1;
                connection.max_command_buffer_len = self.max_queued;
                connection.reconnect_on_auth_error = true;
                connection.tcp.nodelay = Some(true);
                connection.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(Duration::from_secs(1).max(2 * self.command_timeout)),
                    interval: Duration::from_millis(200),
                };
            })
            .build()
    }

    #[cold]
    fn bad_url(&self, error: &FredError) -> ConfigError {
        ConfigError::new("url", &self.server, error.details().to_owned())
    }

    #[cold]
    fn error(&self, error: &FredError) -> Error {
        let kind = kind_of(error);
        let server = &self.server;
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
        Error::new(kind, message).with_source(error.details())
    }
}

/// fred's kinds tell the server's errors from its own only in part; the server's begin with a word in capitals.
fn kind_of(error: &FredError) -> ErrorKind {
    let code = error.details().split(' ').next().unwrap_or_default();
    let is_servers = code.len() > 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    match error.kind() {
        FredKind::Timeout => ErrorKind::Timeout,
        FredKind::Backpressure => ErrorKind::Backpressure,
        // The server is there and cannot serve now; fred connects anew.
        _ if ["LOADING", "MASTERDOWN", "CLUSTERDOWN", "READONLY"].contains(&code) => ErrorKind::Unavailable,
        _ if is_servers => ErrorKind::Server,
        FredKind::IO | FredKind::Canceled | FredKind::Routing | FredKind::Unknown => ErrorKind::Unavailable,
        _ => ErrorKind::Server,
    }
}

impl Transport for Fred {
    fn get<'a>(&'a self, key: &'a FullKey) -> Answer<'a, Found> {
        Box::pin(async move {
            match self.commands.get::<Option<Bytes>, _>(&**key).await {
                Ok(value) => Ok(value.map_or(Found::Nothing, Found::Value)),
                Err(error) if error.details().starts_with("WRONGTYPE") => Ok(Found::Other),
                Err(error) => Err(self.settings.error(&error)),
            }
        })
    }

    /// A task of its own: fred drops a command that timed out while it waited for a connection, but not one whose
    /// caller went away, and that would be written late.
    fn write(&self, key: FullKey, write: Write, turn: WriteTurn) -> Answer<'static, bool> {
        let (commands, settings) = (self.commands.clone(), self.settings.clone());
        let task = tokio::spawn(async move {
            let written = match write {
                Write::Set { value, ttl } => {
                    let ttl = Expiration::PX(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
                    commands.set::<(), _, _>(&*key, value, Some(ttl), None, false).await.map(|()| true)
                }
                Write::Remove => commands.del::<u64, _>(&*key).await.map(|removed| removed > 0),
            };
            drop(turn);
            written.map_err(|error| settings.error(&error))
        });
        let server = Arc::clone(&self.settings.server);
        Box::pin(async move {
            task.await.unwrap_or_else(|error| {
                let message = format!("the write to redis at {server} was given up");
                Err(Error::new(ErrorKind::Unavailable, message).with_source(error))
            })
        })
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async { self.commands.ping::<()>(None).await.map_err(|error| self.settings.error(&error)) })
    }

    fn time_out(&self) -> Answer<'static, ()> {
        let (limit, server) = (self.settings.command_timeout, Arc::clone(&self.settings.server));
        Box::pin(async move {
            sleep(limit).await;
            let message = format!("redis at {server} did not answer within {limit:?}");
            Err(Error::new(ErrorKind::Timeout, message))
        })
    }

    fn is_connected(&self) -> bool {
        self.client.is_connected()
    }

    fn observe(&self, _: &mut dyn Visitor) {}
}
