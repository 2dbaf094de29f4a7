use std::{
    any::{Any, type_name},
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use perfect21_core::{Observe, Pressure, Trim, Trimmed, Visitor};

use crate::{BoundedPool, Pool};

/// Pools by name, for parts of a program that do not know each other.
///
/// It keeps its pools alive. Asking takes a read lock and a look-up: ask once, and keep the [`Pool`].
///
/// ```
/// use perfect21_mem_pool::{Pool, Registry, RegistryError};
/// # fn main() -> Result<(), RegistryError> {
///
/// let registry = Registry::new();
/// let lines = registry.get_or_insert("lines", || Pool::new(String::new))?;
/// let same: Pool<String> = registry.get("lines")?;
/// drop(lines.get());
/// assert_eq!(same.stats().idle, 1);
///
/// let wrong = registry.get::<Pool<Vec<u8>>>("lines");
/// assert!(matches!(wrong, Err(RegistryError::WrongType { .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Registry {
    pools: RwLock<BTreeMap<String, Entry>>,
}

struct Entry {
    type_name: &'static str,
    handle: Box<dyn Any + Send + Sync>,
    part: Arc<dyn Part>,
}

/// What the registry does to all of its pools.
trait Part: Observe + Trim {}

impl<P: Observe + Trim> Part for P {}

/// A pool that a [`Registry`] can hold: [`Pool`] and [`BoundedPool`].
pub trait Registered: Clone + Observe + Trim + private::Sealed + 'static {}

impl<T: Send + 'static> Registered for Pool<T> {}
impl<T: Send + 'static> Registered for BoundedPool<T> {}

mod private {
    pub trait Sealed {}

    impl<T: Send + 'static> Sealed for crate::Pool<T> {}
    impl<T: Send + 'static> Sealed for crate::BoundedPool<T> {}
}

/// Why a [`Registry`] has no such pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// No pool has that name.
    #[error("no pool is named `{name}`")]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// The pool of that name is of another type.
    #[error("pool `{name}` is a {found}, not a {asked}")]
    #[non_exhaustive]
    WrongType {
        /// The name asked for.
        name: String,
        /// The type of pool asked for.
        asked: &'static str,
        /// The type that it has.
        found: &'static str,
    },
    /// Another pool has that name already.
    #[error("a pool is named `{name}` already")]
    Taken {
        /// The name.
        name: String,
    },
}

impl Registry {
    /// Makes a registry without pools; for a `static` too.
    #[must_use]
    pub const fn new() -> Self {
        Self { pools: RwLock::new(BTreeMap::new()) }
    }

    /// Adds a pool.
    ///
    /// # Errors
    /// [`RegistryError::Taken`] if there is one of that name.
    pub fn insert<P: Registered>(&self, name: &str, pool: P) -> Result<(), RegistryError> {
        let mut pools = self.write();
        if pools.contains_key(name) {
            return Err(RegistryError::Taken { name: name.to_owned() });
        }
        pools.insert(name.to_owned(), Entry::new(pool));
        Ok(())
    }

    /// The pool of that name and type.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`] and [`RegistryError::WrongType`].
    pub fn get<P: Registered>(&self, name: &str) -> Result<P, RegistryError> {
        let pools = self.read();
        let entry = pools.get(name).ok_or_else(|| RegistryError::Unknown { name: name.to_owned() })?;
        entry.handle(name)
    }

    /// The pool of that name and type, made now if there is none.
    ///
    /// `make` runs without a lock held, so it may ask the registry; of two that are made at once the first one stays.
    ///
    /// # Errors
    /// [`RegistryError::WrongType`].
    pub fn get_or_insert<P: Registered>(
        &self,
        name: &str,
        make: impl FnOnce() -> P,
    ) -> Result<P, RegistryError> {
        match self.get(name) {
            Err(RegistryError::Unknown { .. }) => {}
            known => return known,
        }
        let made = Entry::new(make());
        self.write().entry(name.to_owned()).or_insert(made).handle(name)
    }

    /// Lets go of a pool; whoever has a handle of it goes on. Says whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        // Dropped without the lock: that may be the end of the pool and its objects.
        let removed = self.write().remove(name);
        removed.is_some()
    }

    /// The names of all pools, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.read().keys().cloned().collect()
    }

    fn parts(&self) -> Vec<Arc<dyn Part>> {
        self.read().values().map(|entry| Arc::clone(&entry.part)).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Entry>> {
        self.pools.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Entry>> {
        self.pools.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new<P: Registered>(pool: P) -> Self {
        Self { type_name: type_name::<P>(), part: Arc::new(pool.clone()), handle: Box::new(pool) }
    }

    fn handle<P: Registered>(&self, name: &str) -> Result<P, RegistryError> {
        let wrong = || RegistryError::WrongType {
            name: name.to_owned(),
            asked: type_name::<P>(),
            found: self.type_name,
        };
        self.handle.downcast_ref::<P>().cloned().ok_or_else(wrong)
    }
}

/// Trims each of its pools.
impl Trim for Registry {
    fn name(&self) -> &str {
        "pools"
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        let mut all = Trimmed::default();
        self.parts().iter().for_each(|pool| all += pool.trim(pressure));
        all
    }
}

/// Each pool under its own name.
impl Observe for Registry {
    fn observe(&self, visitor: &mut dyn Visitor) {
        self.parts().iter().for_each(|pool| pool.observe(visitor));
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pools = self.read();
        f.debug_map().entries(pools.iter().map(|(name, entry)| (name, entry.type_name))).finish()
    }
}
