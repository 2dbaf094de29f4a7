#[cfg(feature = "fred")]
use crate::Builder;
use crate::{
    CacheBuilder, Error, Key, MemoryBuilder,
    fence::{Fence, FullKey, WriteTurn},
    key::escape,
    transport::{Transport, Write},
};
use std::{
    fmt,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

/// A Redis server, or memory in its place; [`typed`](Self::typed) makes caches of it.
///
/// A handle: clones share the connection, which closes with the last of them and of their caches.
#[derive(Clone)]
pub struct RedisCache {
    pub(crate) core: Arc<Core>,
}

pub(crate) struct Core {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) fence: Arc<Fence>,
    namespace: String,
}

/// Whether the server answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Health {
    /// It does.
    Ready {
        /// How long the answer took.
        round_trip: Duration,
    },
    /// It does not, for this reason.
    Down(Error),
}

impl Health {
    /// Whether it is [`Ready`](Self::Ready).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }
}

impl RedisCache {
    /// Starts with a server's URL: `redis://[[user]:password@]host[:port][/database]`.
    #[cfg(feature = "fred")]
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    /// Starts with a bounded map in place of a server: for development, tests, and services of one process.
    pub fn in_memory() -> MemoryBuilder {
        MemoryBuilder::new()
    }

    pub(crate) fn over(transport: impl Transport + 'static, namespace: &str) -> Self {
        let mut escaped = String::new();
        escape(namespace, &mut escaped);
        let transport = Box::new(transport);
        Self { core: Arc::new(Core { transport, fence: Arc::default(), namespace: escaped }) }
    }

    /// Starts a cache of values `V` under keys `K`. Its entries are those of any cache with the same name and
    /// namespace, so the name stands for the type.
    ///
    /// Make it once and clone it: loads are shared among clones only.
    pub fn typed<K: Key + ?Sized, V>(&self, name: impl Into<String>) -> CacheBuilder<K, V> {
        CacheBuilder::new(self.clone(), name.into())
    }

    /// What all keys begin with, as it stands in Redis.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.core.namespace
    }

    /// Asks the server for a sign of life; takes as long as its `command_timeout` at most.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
    pub async fn health(&self) -> Health {
        let asked = Instant::now();
        match self.core.transport.ping().await {
            Ok(()) => Health::Ready { round_trip: asked.elapsed() },
            Err(error) => Health::Down(error),
        }
    }
}

impl Core {
    /// Writes when it is its turn, if `may_write` still says so then; `None` if not. The time-out is over both.
    pub(crate) async fn write(
        &self,
        key: &FullKey,
        write: Write,
        overtakes: bool,
        may_write: impl Fn() -> bool,
    ) -> Result<Option<bool>, Error> {
        let mut time_out = self.transport.time_out();
        let mut written = pin!(async {
            let turn: WriteTurn = self.fence.turn(key, overtakes).await;
            if !may_write() {
                return Ok(None);
            }
            self.transport.write(Arc::clone(key), write, turn).await.map(Some)
        });
        poll_fn(|context| {
            if let Poll::Ready(written) = written.as_mut().poll(context) {
                return Poll::Ready(written);
            }
            time_out.as_mut().poll(context).map(|late| late.map(|()| None))
        })
        .await
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("namespace", &self.namespace())
            .field("connected", &self.core.transport.is_connected())
            .finish_non_exhaustive()
    }
}
