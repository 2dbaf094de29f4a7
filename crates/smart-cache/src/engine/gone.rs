use super::entry::Entry;
use std::mem::needs_drop;

/// Why an entry left a cache; see [`Builder::listener`](crate::Builder::listener).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// There were `max_entries`.
    Entries,
    /// There were `max_bytes`.
    Bytes,
    /// Its time was over.
    Expired,
    /// Another value was put under its key, or one that was too heavy to be kept.
    Replaced,
    /// It was removed, by its key, by a predicate or with all others.
    Removed,
    /// Memory was short.
    Pressure,
}

pub(crate) type Listener<K, V> = Box<dyn Fn(&K, &V, Cause) + Send + Sync>;

/// Entries that left a table, to be told of and dropped when no lock is held.
///
/// Declare it before the guard: then it goes after it, in a panic too.
pub(crate) struct Gone<'a, K, V> {
    listener: Option<&'a Listener<K, V>>,
    /// Nearly always the only one.
    first: Option<(K, V, Cause)>,
    more: Vec<(K, V, Cause)>,
}

impl<'a, K, V> Gone<'a, K, V> {
    pub(crate) fn new(listener: Option<&'a Listener<K, V>>) -> Self {
        Self { listener, first: None, more: Vec::new() }
    }

    pub(crate) fn push(&mut self, entry: Entry<K, V>, cause: Cause) {
        self.push_pair(entry.key, entry.value, cause);
    }

    pub(crate) fn push_pair(&mut self, key: K, value: V, cause: Cause) {
        if self.listener.is_none() && !needs_drop::<K>() && !needs_drop::<V>() {
            return;
        }
        if self.first.is_none() {
            self.first = Some((key, value, cause));
        } else {
            self.more.push((key, value, cause));
        }
    }
}

impl<K, V> Drop for Gone<'_, K, V> {
    fn drop(&mut self) {
        let Some(listener) = self.listener else { return };
        for (key, value, cause) in self.first.iter().chain(&self.more) {
            listener(key, value, *cause);
        }
    }
}
