use super::{
    Batcher, Handler, Inner, KeyOf, WeightOf,
    batch::Equal,
    book::{Book, Bounds},
};
use crate::sync::Mutex;
use foldhash::fast::FixedState;
use perfect21_core::ConfigError;
use std::{
    fmt,
    hash::{BuildHasher, Hash},
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Handle, sync::Notify};

/// Makes a [`Batcher`].
#[must_use = "a builder does nothing until `build()`"]
pub struct BatcherBuilder<I, O, E, K = ()> {
    name: String,
    max_size: usize,
    max_weight: u64,
    max_wait: Duration,
    max_in_flight: usize,
    max_waiting: Option<usize>,
    max_keys: usize,
    runtime: Option<Handle>,
    handler: Handler<I, O, E>,
    key: KeyOf<I, K>,
    weight: Option<WeightOf<I>>,
    equal: Option<Equal<I, O>>,
}

impl<I, O, E> BatcherBuilder<I, O, E>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
{
    pub(super) fn new(handler: Handler<I, O, E>) -> Self {
        Self {
            name: "default".to_owned(),
            max_size: 100,
            max_weight: u64::MAX,
            max_wait: Duration::from_millis(1),
            max_in_flight: 4,
            max_waiting: None,
            max_keys: 1024,
            runtime: None,
            handler,
            key: Box::new(|_| ()),
            weight: None,
            equal: None,
        }
    }

    /// Batches of their own for each key: a table, a shard, a tenant. All items of a batch have the same key; a key
    /// without items takes no memory. Default: one batch for all.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_concurrency::Batcher;
    /// use std::convert::Infallible;
    ///
    /// let batcher = Batcher::builder(async |items: Vec<(char, u32)>| {
    ///     assert!(items.iter().all(|(shard, _)| *shard == items[0].0));
    ///     Ok::<_, Infallible>(items.into_iter().map(|(_, n)| n * 2).collect())
    /// })
    /// .key(|(shard, _)| *shard)
    /// .build()?;
    /// let both = tokio::join!(batcher.submit(('a', 1)), batcher.submit(('b', 2)));
    /// assert_eq!((both.0?, both.1?), (2, 4));
    /// # Ok(())
    /// # }
    /// ```
    pub fn key<K>(self, key: impl Fn(&I) -> K + Send + Sync + 'static) -> BatcherBuilder<I, O, E, K>
    where
        K: Hash + Eq + Clone + Send + 'static,
    {
        BatcherBuilder {
            key: Box::new(key),
            name: self.name,
            max_size: self.max_size,
            max_weight: self.max_weight,
            max_wait: self.max_wait,
            max_in_flight: self.max_in_flight,
            max_waiting: self.max_waiting,
            max_keys: self.max_keys,
            runtime: self.runtime,
            handler: self.handler,
            weight: self.weight,
            equal: self.equal,
        }
    }
}

impl<I, O, E, K> BatcherBuilder<I, O, E, K>
where
    I: Send + 'static,
    O: Send + 'static,
    E: Send + Sync + 'static,
    K: Hash + Eq + Clone + Send + 'static,
{
    /// Its label in metrics. Default: `default`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// So many items a batch may have. Default: 100.
    pub fn max_size(mut self, max_size: usize) -> Self {
        self.max_size = max_size;
        self
    }

    /// What an item weighs, in bytes or whatever the handler has a bound for, and how much a batch may weigh. An item
    /// that is heavier goes alone. Default: no bound.
    pub fn weight(mut self, max_weight: u64, weight: impl Fn(&I) -> u64 + Send + Sync + 'static) -> Self {
        self.max_weight = max_weight;
        self.weight = Some(Box::new(weight));
        self
    }

    /// How long a batch's oldest item may wait for others. Zero begins at once where a batch may run, and gathers what
    /// comes while none may: with [`max_in_flight(1)`](Self::max_in_flight) that is a group commit. Default: 1 ms,
    /// which is as fine as tokio's timers are.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// So many batches may run at once. Default: 4.
    pub fn max_in_flight(mut self, max_in_flight: usize) -> Self {
        self.max_in_flight = max_in_flight;
        self
    }

    /// So many callers may wait for their batch to begin; others are refused. Default: a hundred full batches.
    pub fn max_waiting(mut self, max_waiting: usize) -> Self {
        self.max_waiting = Some(max_waiting);
        self
    }

    /// So many keys may have an open batch; another one closes the batch that has been open longest. Default: 1024.
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// Equal items in an open batch share one place, and each caller gets a clone of the output. Default: every item
    /// has its own.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use perfect21_concurrency::Batcher;
    /// use std::convert::Infallible;
    ///
    /// let batcher = Batcher::builder(async |ids: Vec<u64>| {
    ///     assert_eq!(ids, [7, 8]);
    ///     Ok::<_, Infallible>(ids.iter().map(|id| format!("user {id}")).collect())
    /// })
    /// .dedup()
    /// .build()?;
    /// let users = tokio::join!(batcher.submit(7), batcher.submit(8), batcher.submit(7));
    /// assert_eq!((users.0?, users.1?, users.2?), ("user 7".into(), "user 8".into(), "user 7".into()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn dedup(mut self) -> Self
    where
        I: Hash + Eq,
        O: Clone,
    {
        // Equal hashes are compared, and a batch is small: a fixed seed is no door to an attack worth having.
        self.equal = Some(Equal {
            hash: |item| FixedState::default().hash_one(item),
            same: |one, other| one == other,
            clone: O::clone,
        });
        self
    }

    /// Where batches run. Default: the runtime in which it is built.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// If a bound is zero that must not be, or there is no runtime.
    pub fn build(self) -> Result<Batcher<I, O, E, K>, ConfigError> {
        let max_waiting = self.max_waiting.unwrap_or_else(|| self.max_size.saturating_mul(100));
        for (setting, value) in [
            ("max_size", self.max_size),
            ("max_in_flight", self.max_in_flight),
            ("max_waiting", max_waiting),
            ("max_keys", self.max_keys),
        ] {
            if value == 0 {
                return Err(ConfigError::new(setting, value, "must be at least 1"));
            }
        }
        if self.max_weight == 0 {
            return Err(ConfigError::new("weight", 0, "must let a batch weigh something"));
        }
        let runtime = self.runtime.or_else(|| Handle::try_current().ok()).ok_or_else(|| {
            ConfigError::new("runtime", "none", "must be given where it is built outside a tokio runtime")
        })?;
        let book = Book::new(Bounds {
            max_size: self.max_size,
            max_weight: self.max_weight,
            max_wait: self.max_wait,
            max_in_flight: self.max_in_flight,
            max_waiting,
            max_keys: self.max_keys,
        });
        Ok(Batcher(Arc::new(Inner {
            name: self.name,
            book: Mutex::new(book),
            drained: Notify::new(),
            runtime,
            timer: Mutex::new(None),
            handler: self.handler,
            key: self.key,
            weight: self.weight,
            equal: self.equal,
        })))
    }
}

impl<I, O, E, K> fmt::Debug for BatcherBuilder<I, O, E, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatcherBuilder")
            .field("name", &self.name)
            .field("max_size", &self.max_size)
            .field("max_weight", &self.max_weight)
            .field("max_wait", &self.max_wait)
            .field("max_in_flight", &self.max_in_flight)
            .field("max_waiting", &self.max_waiting)
            .field("max_keys", &self.max_keys)
            .finish_non_exhaustive()
    }
}
