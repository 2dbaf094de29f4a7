//! Who keeps the connections of a lane, and says when they can be relied on.

use super::{
    Hears, Routes, Shared,
    connect::connect,
    connection::{Calls, Connection},
};
use crate::{
    Error, ErrorKind,
    transport::{Command, Node, Reply},
};
use futures_util::future::{join_all, select_all, try_join_all};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Where a server is there and refuses what we ask for: until somebody changes what it allows, or some connections end.
const LONGEST_PAUSE_REFUSED: Duration = Duration::from_secs(5);

pub(super) async fn keep(shared: Arc<Shared>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let opened = open(&shared).await;
        if let Ok(routes) = &opened {
            shared.set_routes(Some(routes.clone()));
            shared.was_open.store(true, Ordering::Release);
            shared.listener.opened();
        }
        shared.tried.send_replace(true);
        let longest = match &opened {
            Err(error) if error.kind() == ErrorKind::Server => LONGEST_PAUSE_REFUSED,
            _ => LONGEST_PAUSE,
        };
        if let Ok(routes) = opened {
            pause = FIRST_PAUSE;
            watch(&shared, &routes).await;
            // Told first, so that nothing counts any more when the connections end.
            shared.listener.lost();
            shared.set_routes(None);
        }
        pause = pause.min(longest);
        sleep(pause.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
        pause *= 2;
        shared.topology.refresh().await;
    }
}

/// Connects to all servers that have keys, or to none.
async fn open(shared: &Arc<Shared>) -> Result<Routes, Error> {
    let ranges = shared.topology.ranges();
    let mut nodes: Vec<Node> = ranges.iter().map(|(_, node)| node.clone()).collect();
    nodes.sort();
    nodes.dedup();
    if nodes.is_empty() {
        return Err(Error::new(ErrorKind::Unavailable, "no server is known"));
    }
    let opened = try_join_all(nodes.iter().map(|node| open_one(shared, node)));
    let connections = timeout(shared.settings.connect_timeout, opened).await;
    let late = |_| Error::new(ErrorKind::Timeout, "a server did not accept a connection in time");
    let connections: Vec<_> = nodes.iter().cloned().zip(connections.map_err(late)??).collect();
    let ranges = ranges.iter().map(|(first, node)| (*first, nodes.binary_search(node).unwrap_or_default()));
    Ok(Routes { ranges: ranges.collect(), connections: connections.into() })
}

async fn open_one(shared: &Arc<Shared>, node: &Node) -> Result<Connection, Error> {
    let stream = connect(&shared.login, node).await?;
    let connection = Connection::start(stream, Arc::clone(&shared.listener), &shared.settings);
    let (name, more) = match &shared.settings.hears {
        Hears::Changes => ("perfect21-near", vec![Command::new("CLIENT", ["TRACKING".into(), "ON".into()])]),
        Hears::Channel(channel) => ("perfect21-near", vec![Command::new("SUBSCRIBE", [channel.clone()])]),
        // Whether it may do what is to be done in one step.
        Hears::Nothing => ("perfect21", vec![Command::new("MULTI", []), Command::new("EXEC", [])]),
    };
    let deadline = Instant::now() + shared.settings.connect_timeout;
    for step in shared.login.steps(name).into_iter().chain(more) {
        connection.call(Calls::One(&step), deadline).await?.sound()?;
    }
    Ok(connection)
}

/// Ends when a connection has ended, does not answer in time, or another server has keys of its.
async fn watch(shared: &Shared, routes: &Routes) {
    let ended = select_all(routes.connections.iter().map(|(_, connection)| Box::pin(connection.ended())));
    let pinged = async {
        let mut epochs = Vec::new();
        loop {
            sleep(shared.settings.ping).await;
            let asked = routes.connections.iter().map(|(_, connection)| ask(shared, connection));
            let now: Vec<_> = join_all(asked).await;
            if now.iter().any(Option::is_none) || (!epochs.is_empty() && epochs != now) {
                return;
            }
            epochs = now;
        }
    };
    let moved = async {
        loop {
            sleep(shared.settings.ping).await;
            let now: Vec<_> = shared.topology.ranges();
            let same = now.len() == routes.ranges.len()
                && now.iter().zip(routes.ranges.iter()).all(|((first, node), (known_first, at))| {
                    first == known_first
                        && routes.connections.get(*at).is_some_and(|(known, _)| known == node)
                });
            if !same && !now.is_empty() {
                return;
            }
        }
    };
    tokio::select! {
        _ = ended => {}
        () = pinged => {}
        () = moved => {}
        () = shared.misled.notified() => {}
    }
}

/// A sign of life, and in a cluster the number that changes when slots go to other servers; `None` if there is no sign.
async fn ask(shared: &Shared, connection: &Connection) -> Option<u64> {
    let clustered = shared.topology.is_clustered();
    let command = match clustered {
        true => Command::new("CLUSTER", ["INFO".into()]),
        false => Command::new("PING", []),
    };
    let deadline = shared.settings.deadline();
    let reply = connection.call(Calls::One(&command), deadline).await.ok()?.sound().ok()?;
    if !clustered {
        return Some(0);
    }
    let Reply::Text(text) = reply else { return None };
    let text = std::str::from_utf8(&text).ok()?;
    let epoch = text.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:"))?;
    epoch.trim().parse().ok()
}
