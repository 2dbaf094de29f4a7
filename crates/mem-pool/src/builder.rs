use std::{fmt, sync::Arc};

use perfect21_core::{Bytes, ConfigError};

use crate::{
    Pool,
    budget::{Bound, Budget, Room},
    magazine::{Recipe, Settings, Store, barrier::Barrier},
};

/// The most objects in a magazine, and the most bytes of them; a thread has up to two magazines.
const MAGAZINE: usize = 64;
const MAGAZINE_BYTES: usize = 64 * 1024;

/// Makes a [`Pool`].
#[must_use = "a builder does nothing until `build()`"]
pub struct PoolBuilder<T: Send + 'static> {
    recipe: Recipe<T>,
    name: String,
    max_idle: usize,
    max_idle_bytes: Option<Bytes>,
    plain_fences: bool,
    common_bytes: Option<Arc<Room>>,
}

impl<T: Send + 'static> PoolBuilder<T> {
    pub(crate) fn new(
        create: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::of(Recipe::new(create, move |node| reset(&mut node.value)))
    }

    pub(crate) fn of(recipe: Recipe<T>) -> Self {
        Self {
            recipe,
            name: "default".to_owned(),
            max_idle: 1024,
            max_idle_bytes: None,
            plain_fences: false,
            common_bytes: None,
        }
    }

    /// Lets idle bytes beyond `max_idle_bytes` lie in a room that several pools have in common.
    pub(crate) fn common_bytes(mut self, room: Arc<Room>) -> Self {
        self.common_bytes = Some(room);
        self
    }

    /// Its label in metrics, and its name in a [`Registry`](crate::Registry). Default: `default`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many objects may lie idle, in the depot and the caches of all threads. Default: 1024.
    ///
    /// It is never exceeded. Threads reserve room in advance, so with many threads fewer may lie idle: twice as many
    /// as a thread has needed to hold at once are counted as its own until the next decay.
    pub fn max_idle(mut self, max_idle: usize) -> Self {
        self.max_idle = max_idle;
        self
    }

    /// How many bytes idle objects may have, measured by [`bytes_by`](Self::bytes_by), else as the size of `T`, without
    /// what it points to. Default: no bound.
    pub fn max_idle_bytes(mut self, max_idle_bytes: impl Into<Bytes>) -> Self {
        self.max_idle_bytes = Some(max_idle_bytes.into());
        self
    }

    /// What the bytes of an object are; called when it comes back, after its reset.
    ///
    /// ```
    /// use perfect21_mem_pool::{Bytes, Pool};
    /// # fn main() -> Result<(), perfect21_mem_pool::ConfigError> {
    ///
    /// let pool = Pool::builder(Vec::<u8>::new)
    ///     .max_idle_bytes(Bytes::mib(16))
    ///     .bytes_by(Vec::capacity)
    ///     .build()?;
    /// pool.get().reserve_exact(1000);
    /// assert_eq!(pool.stats().idle_bytes, 1000);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bytes_by(mut self, bytes: impl Fn(&T) -> usize + Send + Sync + 'static) -> Self {
        self.recipe = self.recipe.measured(bytes);
        self
    }

    /// Uses a plain memory fence in every operation, which costs 1 to 15 ns by the CPU, and never the `membarrier` system call:
    /// for sandboxes that end a process which calls it. Where the kernel only refuses it, that is found out.
    pub fn plain_fences(mut self, plain_fences: bool) -> Self {
        self.plain_fences = plain_fences;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// If a bound is zero, or that of bytes smaller than one object.
    pub fn build(self) -> Result<Pool<T>, ConfigError> {
        if self.max_idle == 0 {
            return Err(ConfigError::new("max_idle", 0, "must be at least 1"));
        }
        if let Some(bytes) = self.max_idle_bytes {
            let least = size_of::<T>().max(1);
            if bytes.get() < least as u64 {
                let rule = format!("must be at least {least} B, the size of one object");
                return Err(ConfigError::new("max_idle_bytes", bytes, rule));
            }
        }
        Ok(Pool::of(self.into_store()))
    }

    /// The pool of settings that are valid.
    pub(crate) fn into_store(self) -> Arc<Store<T>> {
        let size = size_of::<T>().max(1);
        let max_bytes = self
            .max_idle_bytes
            .map_or(usize::MAX, |bytes| usize::try_from(bytes.get()).unwrap_or(usize::MAX));
        // Objects of one size are bounded by their number alone.
        let max_idle =
            if self.recipe.bytes.is_some() { self.max_idle } else { self.max_idle.min(max_bytes / size) };
        let settings = Settings {
            name: self.name,
            budget: Budget {
                objects: Bound::new(max_idle),
                bytes: match self.common_bytes {
                    Some(room) => Bound::sharing(max_bytes, room),
                    None => Bound::new(max_bytes),
                },
            },
            barrier: if self.plain_fences { Barrier::Fence } else { Barrier::detect() },
            magazine: (MAGAZINE_BYTES / size).clamp(1, MAGAZINE),
        };
        Store::new(self.recipe, settings)
    }
}

impl<T: Send + 'static> fmt::Debug for PoolBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("name", &self.name)
            .field("max_idle", &self.max_idle)
            .field("max_idle_bytes", &self.max_idle_bytes)
            .finish_non_exhaustive()
    }
}
