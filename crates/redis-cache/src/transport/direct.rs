//! Commands of keys over connections of our own, where one server has all keys: each takes a third of what it takes fred.
//!
//! fred finds the server, and keeps a connection for what is asked of a server rather than of a key. It has all commands in a
//! cluster, whose keys move, and where transactions are not allowed.

use super::{
    Command, Node, Reply, Transport,
    fred::Fred,
    lane::{self, Hears, Lane, Listener, Login},
    may_try_again,
};
use crate::Error;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) struct Direct {
    fred: Arc<Fred>,
    /// None in a cluster.
    lanes: Box<[Lane]>,
    settings: Settings,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) connections: usize,
    pub(crate) command_timeout: Duration,
    pub(crate) retry_reads: bool,
}

/// Who listens to connections that tell of nothing.
struct Nobody;

impl Direct {
    /// Connects in the background, and keeps trying. Must be called within a tokio runtime.
    pub(crate) fn start(fred: Arc<Fred>, login: &Login, settings: Settings, lane: &lane::Settings) -> Self {
        let lanes = if fred.is_clustered() { 0 } else { settings.connections };
        let start = || {
            let lane = lane::Settings { hears: Hears::Nothing, ..lane.clone() };
            Lane::start(lane, login.clone(), fred.clone(), Arc::new(Nobody))
        };
        Self { lanes: (0..lanes).map(|_| start()).collect(), fred, settings }
    }

    /// Waits until the first attempt to connect has ended.
    pub(crate) async fn tried(&self) {
        for lane in &self.lanes {
            lane.tried().await;
        }
    }

    /// The commands of a key all go over one connection, so that they keep their order: fred's, until ours was there once.
    fn lane(&self, command: &Command) -> Option<&Lane> {
        let lane = match (self.lanes.len(), command.args.get(command.key_at)) {
            (0, _) => return None,
            (1, _) | (_, None) => 0,
            (lanes, Some(key)) => usize::from(lane::slot(key)) % lanes,
        };
        Some(&self.lanes[lane]).filter(|lane| lane.was_open())
    }
}

impl Transport for Direct {
    async fn call(&self, command: Command) -> Result<Reply, Error> {
        match self.lane(&command) {
            Some(lane) => lane.ask(&command, Instant::now() + self.settings.command_timeout).await,
            None => Box::pin(self.fred.call(command)).await,
        }
    }

    async fn read(&self, command: Command) -> Result<Reply, Error> {
        let Some(lane) = self.lane(&command) else {
            return Box::pin(self.fred.read(command)).await;
        };
        let (start, whole) = (Instant::now(), self.settings.command_timeout);
        if !self.settings.retry_reads {
            return lane.ask(&command, start + whole).await;
        }
        match lane.ask(&command, start + whole / 2).await {
            Err(error) if may_try_again(&error) && lane.is_connected() => {
                if start.elapsed() < whole {
                    lane.ask(&command, start + whole).await
                } else {
                    Err(error)
                }
            }
            answered => answered,
        }
    }

    fn transacts(&self) -> bool {
        !self.lanes.is_empty() && self.lanes.iter().all(Lane::was_open)
    }

    async fn transact(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Error> {
        match commands.first().and_then(|first| self.lane(first)) {
            Some(lane) => lane.transact(&commands, Instant::now() + self.settings.command_timeout).await,
            None => Ok(Vec::new()),
        }
    }

    async fn call_on(&self, node: &Node, command: Command) -> Result<Reply, Error> {
        Box::pin(self.fred.call_on(node, command)).await
    }

    fn slot(&self, key: &str) -> u16 {
        self.fred.slot(key)
    }

    fn nodes(&self) -> Vec<Node> {
        self.fred.nodes()
    }

    fn is_connected(&self) -> bool {
        match self.lanes.iter().any(Lane::was_open) {
            true => self.lanes.iter().all(|lane| !lane.was_open() || lane.is_connected()),
            false => self.fred.is_connected(),
        }
    }

    fn renew(&self) {
        match self.lanes.iter().any(Lane::was_open) {
            true => self.lanes.iter().for_each(Lane::renew),
            false => self.fred.renew(),
        }
    }

    async fn close(&self) {
        for lane in &self.lanes {
            lane.drain().await;
            lane.close().await;
        }
        self.fred.close().await;
    }
}

impl Listener for Nobody {
    fn opened(&self) {}

    fn lost(&self) {}

    fn changed(&self, _: &[u8]) {}

    fn flushed(&self) {}
}
