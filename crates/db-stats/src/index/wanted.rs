use super::Index;
use perfect21_core::ConfigError;
use std::{collections::HashSet, time::Duration};

/// The indexes that should be there.
#[derive(Debug, Clone)]
pub struct Indexes {
    pub(super) indexes: Vec<Index>,
    pub(super) extra: bool,
    pub(super) lock_timeout: Duration,
    pub(super) build_wait: Duration,
    pub(super) tries: u32,
    pub(super) wait: Duration,
}

impl Indexes {
    /// The most indexes of a list.
    pub const MAX: usize = 1000;

    /// An empty list with default settings.
    pub fn builder() -> IndexesBuilder {
        IndexesBuilder {
            indexes: Self {
                indexes: Vec::new(),
                extra: false,
                lock_timeout: Duration::from_secs(1),
                build_wait: Duration::from_mins(5),
                tries: 20,
                wait: Duration::from_secs(60),
            },
        }
    }
}

/// Settings of [`Indexes`].
#[derive(Debug, Clone)]
#[must_use = "it does nothing until `build()`"]
pub struct IndexesBuilder {
    indexes: Indexes,
}

impl IndexesBuilder {
    /// One more index, at most [`Indexes::MAX`]. They are built in this order.
    pub fn index(mut self, index: Index) -> Self {
        self.indexes.indexes.push(index);
        self
    }

    /// Whether a [`Diff`](super::Diff) tells indexes that are not in the list; default not.
    pub fn report_extra(mut self, extra: bool) -> Self {
        self.indexes.extra = extra;
        self
    }

    /// The longest wait for a lock that stops writers while it is waited for, 1 ms to 1 h; default 1 s. Only the index
    /// of a partitioned table needs one, and the attaching of a partition's.
    pub fn lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.indexes.lock_timeout = lock_timeout;
        self
    }

    /// The longest wait of a concurrent build for one other session, 1 ms to 1 day; default 5 min. It stops nobody; but
    /// at the end of its phases a build waits for all older transactions, and if one of them is longer, all that was
    /// built is lost.
    pub fn build_wait(mut self, build_wait: Duration) -> Self {
        self.indexes.build_wait = build_wait;
        self
    }

    /// How often each is tried, 1 to 1000; default 20, with 50 ms to 5 s between.
    pub fn tries(mut self, tries: u32) -> Self {
        self.indexes.tries = tries;
        self
    }

    /// The longest wait for somebody else who builds on the same table; default 60 s.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.indexes.wait = wait;
        self
    }

    /// Checks the list.
    ///
    /// # Errors
    /// More than [`Indexes::MAX`] indexes, two of one name in a schema, or a time out of its bounds.
    pub fn build(self) -> Result<Indexes, ConfigError> {
        let indexes = self.indexes;
        let count = indexes.indexes.len();
        if count > Indexes::MAX {
            return Err(ConfigError::new(
                "index",
                count,
                format!("must be at most {} indexes", Indexes::MAX),
            ));
        }
        let mut names = HashSet::new();
        for index in &indexes.indexes {
            if !names.insert((index.table().schema(), index.name())) {
                let rule = "must be one name for each index: give one of them another by `name`";
                return Err(ConfigError::new("index", index.name(), rule));
            }
        }
        let hour = Duration::from_hours(1);
        for (setting, value, most, rule) in [
            ("lock_timeout", indexes.lock_timeout, hour, "must be from 1 ms to 1 h"),
            ("build_wait", indexes.build_wait, 24 * hour, "must be from 1 ms to 1 day"),
        ] {
            if !(Duration::from_millis(1)..=most).contains(&value) {
                return Err(ConfigError::new(setting, format!("{value:?}"), rule));
            }
        }
        if !(1..=1000).contains(&indexes.tries) {
            return Err(ConfigError::new("tries", indexes.tries, "must be from 1 to 1000"));
        }
        Ok(indexes)
    }
}
