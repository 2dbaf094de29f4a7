//! fred, with every default changed that would let a cache wait, queue without bound, or write late.

mod answer;
mod driver;
mod settings;

pub(crate) use settings::Settings;

use super::{
    Command, Node, Reply, Transport,
    lane::{Login, Topology},
    may_try_again,
};
use crate::{Error, ErrorKind, backend::Answer};
use answer::{is_elsewhere, is_lost};
use driver::{Attempt, Driver};
use fred::{
    clients::{Client, WithOptions},
    error::Error as FredError,
    interfaces::{ClientLike, ClusterInterface},
    types::{
        CustomCommand, Value,
        cluster::ClusterRouting,
        config::{Options, Server, ServerConfig},
    },
};
use perfect21_core::ConfigError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, time::timeout};

pub(crate) struct Fred {
    lanes: Box<[Lane]>,
    settings: Settings,
}

/// A client with one connection, to each server of a cluster.
struct Lane {
    client: Client,
    commands: WithOptions<Client>,
    reads: WithOptions<Client>,
    /// Whether it was told to connect anew, and has not yet.
    renewing: Arc<AtomicBool>,
    _driver: Driver,
}

impl Fred {
    /// Connects in the background, and keeps trying.
    pub(crate) fn start(settings: Settings) -> Result<Self, ConfigError> {
        if Handle::try_current().is_err() {
            return Err(ConfigError::new("runtime", "none", "build() must be called within a tokio runtime"));
        }
        let mut lanes = Vec::with_capacity(settings.connections);
        for _ in 0..settings.connections {
            let client = settings.client(false)?;
            let connection = client.connect();
            lanes.push(Lane::new(client, connection, &settings));
        }
        Ok(Self { lanes: lanes.into(), settings })
    }

    /// Connects, within `connect_timeout`.
    pub(crate) async fn connect(settings: Settings) -> Result<Self, Error> {
        let connected = timeout(settings.connect_timeout, async {
            let mut lanes = Vec::with_capacity(settings.connections);
            for _ in 0..settings.connections {
                let client = settings.client(true)?;
                let attempt = Attempt::of(&client);
                let connection = client.init().await.map_err(|error| settings.error(&error))?;
                attempt.ended();
                lanes.push(Lane::new(client, connection, &settings));
            }
            Ok::<_, Error>(lanes.into_boxed_slice())
        });
        match connected.await {
            Ok(lanes) => Ok(Self { lanes: lanes?, settings }),
            Err(_) => {
                let (server, after) = (&settings.server, settings.connect_timeout);
                let message = format!("redis at {server} did not accept a connection within {after:?}");
                Err(Error::new(ErrorKind::Timeout, message))
            }
        }
    }

    pub(crate) fn is_clustered(&self) -> bool {
        self.settings.config.server.is_clustered()
    }

    /// What a connection of ours says first.
    pub(crate) fn login(&self) -> Login {
        Login::of(&self.settings.config)
    }

    /// The commands of a key all go over one connection, so that they keep their order.
    fn lane(&self, command: &Command) -> &Lane {
        let lane = match (self.lanes.len(), command.args.get(command.key_at)) {
            (1, _) | (_, None) => 0,
            (lanes, Some(key)) => usize::from(ClusterRouting::hash_key(key)) % lanes,
        };
        &self.lanes[lane]
    }

    /// What may have changed something, to whoever has its key.
    async fn write(&self, client: &WithOptions<Client>, command: Command) -> Result<Reply, Error> {
        match self.send(client, command).await {
            Ok(reply) => reply.sound(),
            Err(error) if is_lost(&error) => Err(self.settings.lost(&error)),
            Err(error) => Err(self.settings.error(&error)),
        }
    }

    async fn ask(&self, client: &WithOptions<Client>, command: Command) -> Result<Reply, Error> {
        let answer = self.send(client, command).await;
        answer.map_err(|error| self.settings.error(&error))?.sound()
    }

    /// In a cluster once more, where the first who was asked has the key no more: fred has looked by then who has it now.
    async fn send(&self, client: &WithOptions<Client>, command: Command) -> Result<Reply, FredError> {
        if !self.is_clustered() {
            return self.send_once(client, command).await;
        }
        let start = Instant::now();
        let first = self.send_once(client, command.clone()).await;
        let left = self.settings.command_timeout.saturating_sub(start.elapsed());
        match first {
            Err(error) if is_elsewhere(&error) && !left.is_zero() => {
                let options = Options { timeout: Some(left), ..client.options().clone() };
                self.send_once(&client.with_options(&options), command).await
            }
            first => first,
        }
    }

    async fn send_once(&self, client: &WithOptions<Client>, command: Command) -> Result<Reply, FredError> {
        let Command { name, key_at, args } = command;
        // Of the ways to say where a custom command goes, fred follows this one only.
        let slot = args.get(key_at).map_or(0, |key| ClusterRouting::hash_key(key));
        let custom = CustomCommand::new_static(name, slot, false);
        let args: Vec<_> = args.into_iter().map(Value::Bytes).collect();
        client.custom_raw(custom, args).await.map(Reply::from)
    }
}

impl Lane {
    fn new(client: Client, connection: fred::types::ConnectHandle, settings: &Settings) -> Self {
        let options = |time_out| Options {
            max_attempts: Some(1),
            timeout: Some(time_out),
            fail_fast: true,
            ..Options::default()
        };
        Self {
            commands: client.with_options(&options(settings.command_timeout)),
            reads: client.with_options(&options(settings.read_timeout())),
            renewing: Arc::default(),
            _driver: Driver::start(client.clone(), connection),
            client,
        }
    }
}

impl Transport for Fred {
    async fn call(&self, command: Command) -> Result<Reply, Error> {
        self.write(&self.lane(&command).commands, command).await
    }

    async fn read(&self, command: Command) -> Result<Reply, Error> {
        let lane = self.lane(&command);
        if !self.settings.retry_reads {
            return self.ask(&lane.commands, command).await;
        }
        let start = Instant::now();
        let first = self.ask(&lane.reads, command.clone()).await;
        match first {
            Err(error) if may_try_again(&error) && lane.client.is_connected() => {
                // Two time-outs of half the length: what is left of the whole one is at least one of them.
                if start.elapsed() + self.settings.read_timeout() > self.settings.command_timeout + SLACK {
                    return Err(error);
                }
                self.ask(&lane.reads, command).await
            }
            answered => answered,
        }
    }

    async fn call_on(&self, node: &Node, command: Command) -> Result<Reply, Error> {
        let lane = &self.lanes[0];
        if !self.is_clustered() {
            return self.write(&lane.commands, command).await;
        }
        let options = Options {
            cluster_node: Some(Server::new(&*node.host, node.port)),
            ..lane.commands.options().clone()
        };
        self.write(&lane.client.with_options(&options), command).await
    }

    fn slot(&self, key: &str) -> u16 {
        if self.is_clustered() { ClusterRouting::hash_key(key.as_bytes()) } else { 0 }
    }

    fn nodes(&self) -> Vec<Node> {
        let client = &self.lanes[0].client;
        let node = |server: &Server| Node { host: (&*server.host).into(), port: server.port };
        match &self.settings.config.server {
            ServerConfig::Clustered { .. } => {
                let routing = client.cached_cluster_state();
                routing
                    .iter()
                    .flat_map(ClusterRouting::unique_primary_nodes)
                    .map(|server| node(&server))
                    .collect()
            }
            ServerConfig::Sentinel { .. } => {
                client.active_connections().first().map(node).into_iter().collect()
            }
            server => server.hosts().first().map(node).into_iter().collect(),
        }
    }

    fn is_connected(&self) -> bool {
        self.lanes.iter().all(|lane| lane.client.is_connected())
    }

    fn renew(&self) {
        // The servers of a cluster are all connected anew or none, and one that hangs would keep the others away.
        if !self.is_clustered() {
            self.lanes.iter().for_each(Lane::renew);
        }
    }

    async fn close(&self) {
        for lane in &self.lanes {
            lane.commands_end().await;
        }
    }
}

impl Topology for Fred {
    fn is_clustered(&self) -> bool {
        self.settings.config.server.is_clustered()
    }

    fn ranges(&self) -> Vec<(u16, Node)> {
        let client = &self.lanes[0].client;
        let node = |server: &Server| Node { host: (&*server.host).into(), port: server.port };
        match client.is_clustered() {
            true => {
                let routing = client.cached_cluster_state();
                routing
                    .iter()
                    .flat_map(|routing| routing.slots())
                    .map(|range| (range.start, node(&range.primary)))
                    .collect()
            }
            false => self.nodes().into_iter().map(|node| (0, node)).collect(),
        }
    }

    fn refresh(&self) -> Answer<'_, ()> {
        Box::pin(async {
            let client = &self.lanes[0].client;
            if client.is_clustered() {
                // Where it is not to be had, what was known stays.
                let _ = timeout(self.settings.connect_timeout, client.sync_cluster()).await;
            }
        })
    }
}

impl Lane {
    fn renew(&self) {
        if !self.renewing.swap(true, Ordering::AcqRel) {
            let (client, renewing) = (self.client.clone(), Arc::clone(&self.renewing));
            tokio::spawn(async move {
                // It ends with the client; what came of it is seen by who asks for a sign of life.
                let _ = client.force_reconnection().await;
                renewing.store(false, Ordering::Release);
            });
        }
    }

    async fn commands_end(&self) {
        // It says that there is no connection where there is none to end.
        let _ = self.client.quit().await;
    }
}

/// By how much a timer may be late.
const SLACK: Duration = Duration::from_millis(20);
