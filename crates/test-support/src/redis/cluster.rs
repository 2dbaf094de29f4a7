use std::fmt::Write;

use super::{Mode, Redis, Reply, ports_taken};
use crate::{
    Error,
    guard::Launch,
    port::{self, CLUSTER_BUS},
    wait,
};

const MASTERS: usize = 3;
const NODES: usize = 2 * MASTERS;
const SLOTS: usize = 16_384;
/// Of a slot that moves.
const KEYS_AT_ONCE: &str = "10";

/// Six Redis servers that form a cluster: three masters that share the slots, a replica for each.
///
/// The nodes are told of one another by their configuration files, so that they need not meet first; what remains of
/// the start is the two seconds that a master waits before it takes writes. A node counts as failed after
/// 2.5 s: less and a busy machine has failovers that no test asked for.
///
/// # Examples
///
/// ```no_run
/// use perfect21_test_support::redis::Cluster;
///
/// let cluster = Cluster::start()?;
/// println!("{}", cluster.urls().join(" "));
/// cluster.nodes()[0].kill()?; // its replica takes over
/// cluster.wait_until_whole()?;
/// # Ok::<(), perfect21_test_support::Error>(())
/// ```
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    /// Starts the six servers and waits until each of them says that the cluster takes commands.
    ///
    /// # Errors
    ///
    /// As [`Redis::start`].
    pub fn start() -> Result<Self, Error> {
        for _ in 0..20 {
            let mut ports = [0; NODES];
            for port in &mut ports {
                *port = port::free()?;
            }
            match Self::start_on(ports) {
                Ok(cluster) => {
                    cluster.wait_until_whole()?;
                    return Ok(cluster);
                }
                Err(Launch::PortTaken) => (),
                Err(Launch::Failed(error)) => return Err(error),
            }
        }
        Err(ports_taken())
    }

    fn start_on(ports: [u16; NODES]) -> Result<Self, Launch> {
        let group = port::random();
        let nodes = (0..NODES)
            .map(|node| {
                Redis::start_on(
                    ports[node],
                    Mode::Cluster { nodes: &members(group, &ports, node) },
                    &[
                        "cluster-enabled yes",
                        "cluster-config-file nodes.conf",
                        "cluster-node-timeout 2500",
                        "repl-diskless-sync-delay 0",
                    ],
                )
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { nodes })
    }

    /// The servers; at the start the first three are the masters, and node `n + 3` is the replica of node `n`.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// The URL of each server; a client needs one of them.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// Waits until every server that runs sees all slots served and every replica follows its master.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`], with the first server that does not.
    pub fn wait_until_whole(&self) -> Result<(), Error> {
        wait::until("a whole cluster", || {
            self.nodes.iter().filter(|node| node.pid().is_some()).try_for_each(|node| {
                let state = |command: &[&str], field: &str, right: &[&str]| {
                    let reply = node.command(command).map_err(|error| error.to_string())?;
                    match reply.field(field) {
                        Some(found) if right.contains(&found) => Ok(()),
                        found => Err(format!("{}: {field} = {found:?}", node.url())),
                    }
                };
                state(&["CLUSTER", "INFO"], "cluster_state", &["ok"])?;
                let replication = &["INFO", "replication"];
                state(replication, "role", &["master"])
                    .or_else(|_| state(replication, "master_link_status", &["up"]))
            })
        })
    }

    /// The server that serves `key` now, as its own view of the cluster says.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] when no running server says that the key is its own, e.g. while none has taken over yet
    /// for longer than [`wait::DEADLINE`].
    pub fn owner(&self, key: &str) -> Result<&Redis, Error> {
        wait::until("a server for the key", || {
            let owner = self.nodes.iter().filter(|node| node.pid().is_some()).find(|node| {
                // A replica, or a master of other slots, answers with MOVED.
                matches!(node.command(&["TYPE", key]), Ok(Reply::Text(_)))
            });
            owner.ok_or("every server refuses it")
        })
    }

    /// Moves the slot of `key` with all that is in it to another master, as `redis-cli --cluster reshard` does: a few keys
    /// at a time, while clients are told to ask there for what is gone already. Does nothing where that master has it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when a node does not agree, [`Error::Io`] when one is not there.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use perfect21_test_support::redis::Cluster;
    ///
    /// let cluster = Cluster::start()?;
    /// let from = cluster.owner("a")?.port();
    /// let other = cluster.nodes()[..3].iter().find(|node| node.port() != from).expect("three masters");
    /// cluster.move_slot_of("a", other)?;
    /// assert_eq!(cluster.owner("a")?.port(), other.port());
    /// # Ok::<(), perfect21_test_support::Error>(())
    /// ```
    pub fn move_slot_of(&self, key: &str, to: &Redis) -> Result<(), Error> {
        let from = self.owner(key)?;
        if from.port() == to.port() {
            return Ok(());
        }
        let text = |reply: Reply| reply.text().unwrap_or_default().to_owned();
        let slot = match from.command(&["CLUSTER", "KEYSLOT", key])? {
            Reply::Int(slot) => slot.to_string(),
            _ => String::new(),
        };
        let (source, target) =
            (text(from.command(&["CLUSTER", "MYID"])?), text(to.command(&["CLUSTER", "MYID"])?));
        to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source])?;
        from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target])?;
        let port = to.port().to_string();
        while let Reply::List(keys) = from.command(&["CLUSTER", "GETKEYSINSLOT", &slot, KEYS_AT_ONCE])? {
            if keys.is_empty() {
                break;
            }
            let keys = keys.iter().filter_map(Reply::text);
            let words = ["MIGRATE", "127.0.0.1", &port, "", "0", "20000", "KEYS"];
            from.command(&words.into_iter().chain(keys).collect::<Vec<_>>())?;
        }
        // The new owner first: nobody may be sent to one who does not know yet.
        for node in [to, from].into_iter().chain(&self.nodes).filter(|node| node.pid().is_some()) {
            match node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &target]) {
                // A replica hears of it by its master.
                Err(Error::Refused { reply, .. }) if reply.contains("only with masters") => {}
                done => drop(done?),
            }
        }
        Ok(())
    }
}

/// The file in which node `me` would have saved its view of the finished cluster.
///
/// The identifiers carry a random `group`: a node that inherits the port of another cluster's dead node must not be
/// taken for it.
fn members(group: u64, ports: &[u16; NODES], me: usize) -> String {
    let id = |node: usize| format!("{group:032x}{node:08x}");
    let mut file = String::new();
    for (node, port) in ports.iter().enumerate() {
        let myself = if node == me { "myself," } else { "" };
        let address = format!("{} 127.0.0.1:{port}@{}", id(node), port + CLUSTER_BUS);
        let epoch = node % MASTERS + 1;
        // Writing to a String does not fail.
        let _ = if node < MASTERS {
            let (first, end) = (node * SLOTS / MASTERS, (node + 1) * SLOTS / MASTERS);
            writeln!(file, "{address} {myself}master - 0 0 {epoch} connected {first}-{}", end - 1)
        } else {
            writeln!(file, "{address} {myself}slave {} 0 0 {epoch} connected", id(node - MASTERS))
        };
    }
    file + &format!("vars currentEpoch {MASTERS} lastVoteEpoch 0\n")
}
