//! Who may write a key when, within this process: one write of a key at a time, and no load that a write overtook.

use perfect21_smart_cache::{
    Flight,
    flight::{Leader, Turn},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A key as it stands in Redis.
pub(crate) type FullKey = Arc<str>;

#[derive(Default)]
pub(crate) struct Fence {
    loads: Mutex<Loads>,
    writes: Flight<FullKey, ()>,
}

#[derive(Default)]
struct Loads {
    /// Loads that no write has overtaken, with their number.
    current: HashMap<FullKey, u64>,
    last: u64,
}

impl Fence {
    fn loads(&self) -> MutexGuard<'_, Loads> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A load begins; of two of the same key only the later one may store.
    pub(crate) fn begin_load(&self, key: FullKey) -> Load<'_> {
        let mut loads = self.loads();
        loads.last += 1;
        let number = loads.last;
        loads.current.insert(Arc::clone(&key), number);
        Load { fence: self, key, number }
    }

    /// A write begins or ends: what loads of the key bring is out of date.
    fn overtake(&self, key: &str) {
        self.loads().current.remove(key);
    }

    /// Waits until no other write of the key is under way.
    ///
    /// A write that is not a load's own overtakes the loads: now, and again when its turn is dropped.
    pub(crate) async fn turn(self: &Arc<Self>, key: &FullKey, overtakes: bool) -> WriteTurn {
        if overtakes {
            self.overtake(key);
        }
        loop {
            if let Turn::Lead(leader) = self.writes.join(Arc::clone(key)).await {
                return WriteTurn { overtakes: overtakes.then(|| Arc::clone(self)), leader };
            }
        }
    }
}

/// A load under way.
pub(crate) struct Load<'a> {
    fence: &'a Fence,
    key: FullKey,
    number: u64,
}

impl Load<'_> {
    /// Whether no write has overtaken it.
    pub(crate) fn may_store(&self) -> bool {
        self.fence.loads().current.get(&self.key) == Some(&self.number)
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let mut loads = self.fence.loads();
        if loads.current.get(&self.key) == Some(&self.number) {
            loads.current.remove(&self.key);
        }
    }
}

/// The right to write a key, held until the server has answered; whoever waits writes next.
pub(crate) struct WriteTurn {
    overtakes: Option<Arc<Fence>>,
    leader: Leader<FullKey, ()>,
}

impl Drop for WriteTurn {
    /// Runs before the leader is dropped, which lets the next one write.
    fn drop(&mut self) {
        if let Some(fence) = &self.overtakes {
            fence.overtake(self.leader.key());
        }
    }
}
