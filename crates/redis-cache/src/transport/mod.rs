//! What speaks to servers: one command, one answer. All that a cache means by its commands is in [`backend`](crate::backend),
//! so what is here can be replaced.

pub(crate) mod breaker;
#[cfg(feature = "fred")]
pub(crate) mod direct;
#[cfg(feature = "fred")]
pub(crate) mod fred;
#[cfg(feature = "fred")]
pub(crate) mod lane;
#[cfg(any(feature = "fred", all(test, perfect21_loom)))]
mod outbox;
mod reply;

pub(crate) use reply::{Reply, refused};

use crate::{Error, ErrorKind};
use bytes::Bytes;
use std::{fmt, sync::Arc};

/// A command as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// Which of the arguments is the key that says where it goes in a cluster.
    pub(crate) key_at: usize,
    pub(crate) args: Vec<Bytes>,
}

impl Command {
    pub(crate) fn new(name: &'static str, args: impl IntoIterator<Item = Bytes>) -> Self {
        Self { name, key_at: 0, args: args.into_iter().collect() }
    }

    /// With its key behind the others.
    pub(crate) fn with_key_at(mut self, at: usize) -> Self {
        self.key_at = at;
        self
    }
}

/// A server that holds a part of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            0 => f.write_str(&self.host),
            port => write!(f, "{}:{port}", self.host),
        }
    }
}

/// No call lasts longer than the time-out, or waits for a connection that is known to be down, and nothing is kept to be
/// sent when it is up again.
pub(crate) trait Transport: Send + Sync + 'static {
    /// Sends a command to whoever has its key.
    fn call(&self, command: Command) -> impl Future<Output = Result<Reply, Error>> + Send;

    /// Sends a command that changes nothing; may send it again where no answer came, within the time-out.
    fn read(&self, command: Command) -> impl Future<Output = Result<Reply, Error>> + Send;

    /// Whether commands can be sent that are done in one step, without a script.
    fn transacts(&self) -> bool {
        false
    }

    /// Sends commands of keys of one slot that are done in one step, all or none; what each answers. Only where it
    /// [`transacts`](Self::transacts).
    fn transact(&self, commands: Vec<Command>) -> impl Future<Output = Result<Vec<Reply>, Error>> + Send {
        let _ = commands;
        std::future::ready(Err(Error::new(ErrorKind::Unavailable, "there is no connection that does it")))
    }

    /// Sends a command to a node.
    fn call_on(&self, node: &Node, command: Command) -> impl Future<Output = Result<Reply, Error>> + Send;

    /// The slot of a key; the same for all where one server has all keys.
    fn slot(&self, key: &str) -> u16;

    /// Who has keys now.
    fn nodes(&self) -> Vec<Node>;

    fn is_connected(&self) -> bool;

    /// Begins to make all connections anew: they are there, and nothing comes back over them.
    fn renew(&self);

    /// Ends the connections, after what is under way.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

impl<T: Transport> Transport for Arc<T> {
    fn call(&self, command: Command) -> impl Future<Output = Result<Reply, Error>> + Send {
        (**self).call(command)
    }

    fn read(&self, command: Command) -> impl Future<Output = Result<Reply, Error>> + Send {
        (**self).read(command)
    }

    fn transacts(&self) -> bool {
        (**self).transacts()
    }

    fn transact(&self, commands: Vec<Command>) -> impl Future<Output = Result<Vec<Reply>, Error>> + Send {
        (**self).transact(commands)
    }

    fn call_on(&self, node: &Node, command: Command) -> impl Future<Output = Result<Reply, Error>> + Send {
        (**self).call_on(node, command)
    }

    fn slot(&self, key: &str) -> u16 {
        (**self).slot(key)
    }

    fn nodes(&self) -> Vec<Node> {
        (**self).nodes()
    }

    fn is_connected(&self) -> bool {
        (**self).is_connected()
    }

    fn renew(&self) {
        (**self).renew();
    }

    fn close(&self) -> impl Future<Output = ()> + Send {
        (**self).close()
    }
}

/// Whether what was read may be asked for once more. A key that is moving has been.
#[cfg(feature = "fred")]
fn may_try_again(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable) && !error.is_moving()
}
