//! Connections of our own that hear what servers say unasked: which keys were changed that were read over them.
//!
//! fred drops the message that all keys were flushed, ends its listener at the first burst, and does not turn tracking on
//! again after a reconnect. What a near cache is built on must do all three, so it reads and listens here, over RESP3, and
//! takes from fred where the servers are.

mod connect;
mod connection;
mod keeper;
mod resp;
mod wire;
mod writer;

pub(crate) use connect::Login;

use super::{Command, Node, Reply, Transport};
use crate::{Error, ErrorKind, backend::Answer};
use bytes::Bytes;
use connection::{Calls, Connection};
use fred::types::cluster::ClusterRouting;
use futures_util::future::join_all;
use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

/// Where the keys are, told by whoever knows.
pub(crate) trait Topology: Send + Sync + 'static {
    /// Whether there are slots, be it that one server has all of them.
    fn is_clustered(&self) -> bool;

    /// The first slot of each range and who has it, in order; a single range where one server has all.
    fn ranges(&self) -> Vec<(u16, Node)>;

    /// Asks again.
    fn refresh(&self) -> Answer<'_, ()>;
}

/// Who is told what happens to the connections and to the keys that were read over them, in the order in which it happens:
/// each is told before an answer that came after it is given.
pub(crate) trait Listener: Send + Sync + 'static {
    /// All connections are there, and are told of changes.
    fn opened(&self);

    /// One of them is lost, or may be.
    fn lost(&self);

    fn changed(&self, key: &[u8]);

    /// All keys were removed.
    fn flushed(&self);
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) command_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_queued: usize,
    /// Between two signs of life that are asked for.
    pub(crate) ping: Duration,
    pub(crate) hears: Hears,
    /// The servers, to be named in errors.
    pub(crate) server: Arc<str>,
}

impl Settings {
    /// Of a command that is sent now.
    fn deadline(&self) -> Instant {
        Instant::now() + self.command_timeout
    }
}

/// What the connections are told unasked.
#[derive(Debug, Clone)]
pub(crate) enum Hears {
    /// What is changed of all that was read over them.
    Changes,
    /// What is published on this channel.
    Channel(Bytes),
    Nothing,
}

/// Where a key is in a cluster.
pub(crate) fn slot(key: &[u8]) -> u16 {
    ClusterRouting::hash_key(key)
}

/// One connection to each server that has keys. Dropped, all end.
pub(crate) struct Lane {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

struct Shared {
    settings: Settings,
    login: Login,
    topology: Arc<dyn Topology>,
    listener: Arc<dyn Listener>,
    routes: RwLock<Option<Routes>>,
    /// Somebody has seen that a route is wrong.
    misled: Notify,
    /// Whether the first attempt to connect has ended, well or not.
    tried: watch::Sender<bool>,
    was_open: AtomicBool,
}

/// Who has which slots, and the connection to it.
#[derive(Clone)]
struct Routes {
    /// The first slot of each range, and which connection.
    ranges: Arc<[(u16, usize)]>,
    connections: Arc<[(Node, Connection)]>,
}

impl Lane {
    /// Connects in the background, and keeps trying. Must be called within a tokio runtime.
    pub(crate) fn start(
        settings: Settings,
        login: Login,
        topology: Arc<dyn Topology>,
        listener: Arc<dyn Listener>,
    ) -> Self {
        let shared = Arc::new(Shared {
            settings,
            login,
            topology,
            listener,
            routes: RwLock::new(None),
            misled: Notify::new(),
            tried: watch::Sender::new(false),
            was_open: AtomicBool::new(false),
        });
        let keeper = tokio::spawn(keeper::keep(Arc::clone(&shared)));
        Self { shared, keeper }
    }

    /// Waits until the first attempt to connect has ended.
    pub(crate) async fn tried(&self) {
        // The sender lives as long as we do.
        let _ = self.shared.tried.subscribe().wait_for(|tried| *tried).await;
    }

    /// Whether the connections were all there at any time.
    pub(crate) fn was_open(&self) -> bool {
        self.shared.was_open.load(Ordering::Acquire)
    }

    /// Sends a command to whoever has its key, and waits until then at most.
    pub(crate) async fn ask(&self, command: &Command, deadline: Instant) -> Result<Reply, Error> {
        let connection = self.shared.connection(command.args.get(command.key_at));
        self.send(connection, Calls::One(command), deadline).await
    }

    /// Sends commands that are done in one step to whoever has the first one's key.
    pub(crate) async fn transact(
        &self,
        commands: &[Command],
        deadline: Instant,
    ) -> Result<Vec<Reply>, Error> {
        let key = commands.first().and_then(|command| command.args.get(command.key_at));
        let connection = self.shared.connection(key);
        self.send(connection, Calls::InOneStep(commands), deadline).await?.many()
    }

    /// Waits until all that was sent is answered.
    pub(crate) async fn drain(&self) {
        let routes = self.shared.routes();
        let connections = routes.iter().flat_map(|routes| routes.connections.iter());
        // Answers come in order; one that does not come is not waited for any longer than others were.
        let pings = connections.map(|(_, connection)| async move {
            let ping = Command::new("PING", []);
            let _ = connection.call(Calls::One(&ping), self.shared.settings.deadline()).await;
        });
        join_all(pings).await;
    }

    async fn send(
        &self,
        connection: Option<Connection>,
        calls: Calls<'_>,
        deadline: Instant,
    ) -> Result<Reply, Error> {
        let settings = &self.shared.settings;
        let Some(connection) = connection else {
            let message = format!("redis at {} cannot be reached", settings.server);
            return Err(Error::new(ErrorKind::Unavailable, message));
        };
        let answer = connection.call(calls, deadline).await;
        if let Ok(Reply::Refused(text)) = &answer
            && text.starts_with("READONLY")
        {
            // It leads no more.
            self.shared.misled.notify_one();
        }
        if let Ok(Reply::Refused(text)) = &answer
            && (text.starts_with("MOVED") || text.starts_with("ASK"))
        {
            // A key that is moving is elsewhere while its slot is not: the routes are right.
            if text.starts_with("MOVED") {
                self.shared.misled.notify_one();
            }
            return Err(Error::moving().with_source(text.clone()));
        }
        answer?.sound()
    }
}

impl Shared {
    fn routes(&self) -> Option<Routes> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_routes(&self, routes: Option<Routes>) {
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = routes;
    }

    fn connection(&self, key: Option<&Bytes>) -> Option<Connection> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let routes = routes.as_ref()?;
        let at = match (&routes.ranges[..], key) {
            ([_], _) | (_, None) => 0,
            (ranges, Some(key)) => {
                let slot = ClusterRouting::hash_key(key);
                let range = ranges.partition_point(|(first, _)| *first <= slot).checked_sub(1)?;
                ranges[range].1
            }
        };
        routes.connections.get(at).map(|(_, connection)| connection.clone())
    }
}

impl Transport for Lane {
    async fn call(&self, command: Command) -> Result<Reply, Error> {
        self.ask(&command, self.shared.settings.deadline()).await
    }

    async fn read(&self, command: Command) -> Result<Reply, Error> {
        self.call(command).await
    }

    async fn call_on(&self, node: &Node, command: Command) -> Result<Reply, Error> {
        let routes = self.shared.routes();
        let connection = routes.and_then(|routes| {
            routes
                .connections
                .iter()
                .find(|(known, _)| known == node)
                .map(|(_, connection)| connection.clone())
        });
        self.send(connection, Calls::One(&command), self.shared.settings.deadline()).await
    }

    fn slot(&self, key: &str) -> u16 {
        if self.shared.topology.is_clustered() { ClusterRouting::hash_key(key.as_bytes()) } else { 0 }
    }

    fn nodes(&self) -> Vec<Node> {
        let routes = self.shared.routes();
        routes.iter().flat_map(|routes| routes.connections.iter().map(|(node, _)| node.clone())).collect()
    }

    fn is_connected(&self) -> bool {
        self.shared.routes.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn renew(&self) {
        self.shared.misled.notify_one();
    }

    async fn close(&self) {
        self.keeper.abort();
        self.shared.set_routes(None);
        self.shared.listener.lost();
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}
