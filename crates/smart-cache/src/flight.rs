//! Single flight: of many callers who want the same thing at once, one brings it.
//!
//! A building block for caches over slow things; [`Cache::try_get_or_load`](crate::Cache::try_get_or_load) is made of it.
//!
//! ```
//! use perfect21_smart_cache::{Flight, flight::Turn};
//!
//! async fn exchange_rate(flight: &Flight<&'static str, u64>, currency: &'static str) -> u64 {
//!     match flight.join(currency).await {
//!         Turn::Landed(rate) => rate,
//!         Turn::Lead(leader) => {
//!             let rate = 42; // asked over the network; if this future is dropped here, another caller leads
//!             leader.land(rate);
//!             rate
//!         }
//!     }
//! }
//! ```

mod blocking;
pub(crate) mod call;
mod join;

pub(crate) use blocking::Leads;
pub use join::Join;

use call::{Call, State};
use parking_lot::Mutex;
use std::{
    borrow::Borrow,
    collections::{HashMap, hash_map::Entry},
    fmt,
    hash::Hash,
    sync::Arc,
};

/// The calls under way, by key. A handle: clones share them.
///
/// Holds one entry for each leader and one waker for each waiter, so its callers bound it. Needs no runtime.
pub struct Flight<K, T> {
    calls: Arc<Mutex<Calls<K, T>>>,
}

/// Holds a call exactly as long as its leader lives and it is not forgotten.
type Calls<K, T> = HashMap<K, Arc<Call<T>>>;

impl<K: Hash + Eq, T> Flight<K, T> {
    /// No call under way.
    #[must_use]
    pub fn new() -> Self {
        Self { calls: Arc::default() }
    }

    /// Leads the call of `key`, or waits for the one who does.
    ///
    /// # Cancel safety
    /// Dropping the future, or the [`Leader`] it returned, loses nothing: those who wait try again, and the first of
    /// them leads.
    pub fn join(&self, key: K) -> Join<K, T> {
        Join::new(Arc::clone(&self.calls), key)
    }

    /// Leads the call of `key`, unless somebody does: for a refresh that nobody waits for.
    #[must_use]
    pub fn try_lead(&self, key: &K) -> Option<Leader<K, T>>
    where
        K: Clone,
    {
        lead_or_find(&self.calls, key).ok()
    }

    /// Whoever joins from now on starts anew; those who joined earlier still get what their leader brings.
    ///
    /// For a write that makes the call's result out of date.
    pub fn forget<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let forgotten = self.calls.lock().remove_entry(key);
        drop(forgotten);
    }

    /// Forgets the calls of all keys: see [`forget`](Self::forget).
    pub fn forget_all(&self) {
        let forgotten = std::mem::take(&mut *self.calls.lock());
        drop(forgotten);
    }

    /// Whether a call of `key` is under way that can be joined.
    #[must_use]
    pub fn is_led<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.calls.lock().contains_key(key)
    }

    /// Calls under way that can be joined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.lock().len()
    }

    /// Whether no call is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn lead_or_find<K: Hash + Eq + Clone, T>(
    calls: &Arc<Mutex<Calls<K, T>>>,
    key: &K,
) -> Result<Leader<K, T>, Arc<Call<T>>> {
    let (for_map, for_leader) = (key.clone(), key.clone());
    match calls.lock().entry(for_map) {
        Entry::Occupied(entry) => Err(Arc::clone(entry.get())),
        Entry::Vacant(entry) => {
            let call = Arc::clone(entry.insert(Arc::new(Call::new())));
            Ok(Leader { calls: Arc::clone(calls), key: for_leader, call })
        }
    }
}

impl<K, T> Clone for Flight<K, T> {
    fn clone(&self) -> Self {
        Self { calls: Arc::clone(&self.calls) }
    }
}

impl<K: Hash + Eq, T> Default for Flight<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, T> fmt::Debug for Flight<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("calls", &self.calls.lock().len()).finish()
    }
}

/// What a caller who joined a [`Flight`] is to do.
#[allow(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Turn<K: Hash + Eq, T> {
    /// Bring the result, and [`land`](Leader::land) it.
    Lead(Leader<K, T>),
    /// Another caller brought it.
    Landed(T),
}

impl<K: Hash + Eq, T> fmt::Debug for Turn<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lead(_) => "Lead",
            Self::Landed(_) => "Landed",
        })
    }
}

/// The one who brings the result of a call; dropped without, it lets another caller lead.
#[must_use = "dropped, it lets another caller lead"]
pub struct Leader<K: Hash + Eq, T> {
    calls: Arc<Mutex<Calls<K, T>>>,
    key: K,
    call: Arc<Call<T>>,
}

impl<K: Hash + Eq, T> Leader<K, T> {
    /// Gives the result to all who wait, and ends the call.
    pub fn land(self, result: T) {
        self.end(State::Landed(result));
    }

    /// What the call is for.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Out of the map first: nobody may join a call that has ended.
    fn end(&self, end: State<T>) {
        let mut calls = self.calls.lock();
        let ours = calls.get(&self.key).is_some_and(|call| Arc::ptr_eq(call, &self.call));
        let entry = if ours { calls.remove_entry(&self.key) } else { None };
        drop(calls);
        drop(entry);
        self.call.end(end);
    }
}

impl<K: Hash + Eq, T> Drop for Leader<K, T> {
    fn drop(&mut self) {
        self.end(State::Abandoned);
    }
}

impl<K: Hash + Eq + fmt::Debug, T> fmt::Debug for Leader<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leader").field("key", &self.key).finish_non_exhaustive()
    }
}
