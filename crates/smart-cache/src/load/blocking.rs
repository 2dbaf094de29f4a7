use super::{Backend, Looked, look_again};
use crate::flight::{Leads, Turn};
use std::hash::Hash;

/// As [`get_or_load`](super::get_or_load), on a thread that may block.
pub(crate) fn get_or_load_blocking<K, V, B, E>(
    backend: &B,
    key: K,
    load: impl FnOnce() -> Result<V, E>,
) -> Result<V, E>
where
    K: Hash + Eq + Clone,
    V: Clone,
    B: Backend<K, V> + ?Sized,
{
    if let Some(value) = backend.get(&key) {
        return Ok(value);
    }
    let leader = match backend.flight().join_blocking(&key) {
        Some(Turn::Lead(leader)) => leader,
        Some(Turn::Landed(value)) => {
            backend.coalesced(&key);
            return Ok(value);
        }
        // The calling thread leads it already.
        None => return load(),
    };
    let (loading, leader) = match look_again(backend, key, leader) {
        Looked::Found(value) => return Ok(value),
        Looked::Missing(loading, leader) => (loading, leader),
    };
    let _leads = Leads::note(&leader);
    let value = load()?;
    loading.land(leader, &value);
    Ok(value)
}
