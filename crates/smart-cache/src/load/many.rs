use super::{Backend, Loading, Looked, look_again};
use crate::flight::{Join, Leader, Turn};
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

/// The loads that one batch is to bring, by key. Dropped, they let others lead.
type Led<'a, K, V, B> = HashMap<K, (Loading<'a, K, V, B>, Leader<K, V>)>;

/// The values under many keys; `load` is asked once for all that are neither there nor being loaded.
pub(crate) async fn get_many_or_load<K, V, B, F, Fut, L, E>(
    backend: &B,
    keys: impl IntoIterator<Item = K>,
    mut load: F,
) -> Result<HashMap<K, V>, E>
where
    K: Hash + Eq + Clone,
    V: Clone,
    B: Backend<K, V> + ?Sized,
    F: FnMut(Vec<K>) -> Fut,
    Fut: Future<Output = Result<L, E>>,
    L: IntoIterator<Item = (K, V)>,
{
    let (mut found, mut missing) = get_many(backend, keys);
    while !missing.is_empty() {
        let (mut led, joined) = divide(backend, missing, &mut found);
        if !led.is_empty() {
            for (key, value) in load(led.keys().cloned().collect()).await? {
                let Some((loading, leader)) = led.remove(&key) else { continue };
                loading.land(leader, &value);
                found.insert(key, value);
            }
        }
        drop(led);
        missing = wait_for(backend, joined, &mut found).await;
    }
    Ok(found)
}

/// The values that are there, and the keys of the others, each once.
fn get_many<K, V, B>(backend: &B, keys: impl IntoIterator<Item = K>) -> (HashMap<K, V>, Vec<K>)
where
    K: Hash + Eq + Clone,
    B: Backend<K, V> + ?Sized,
{
    let (mut found, mut seen) = (HashMap::new(), HashSet::new());
    let mut missing = Vec::new();
    for key in keys {
        if !seen.insert(key.clone()) {
            continue;
        }
        match backend.get(&key) {
            Some(value) => drop(found.insert(key, value)),
            None => missing.push(key),
        }
    }
    (found, missing)
}

/// Who is to be loaded from here, and who is being loaded.
#[allow(clippy::type_complexity, reason = "two lists, each of one kind")]
fn divide<'a, K, V, B>(
    backend: &'a B,
    missing: Vec<K>,
    found: &mut HashMap<K, V>,
) -> (Led<'a, K, V, B>, Vec<(K, Join<K, V>)>)
where
    K: Hash + Eq + Clone,
    V: Clone,
    B: Backend<K, V> + ?Sized,
{
    let (mut led, mut joined) = (HashMap::new(), Vec::new());
    for key in missing {
        let Some(leader) = backend.flight().try_lead(&key) else {
            let join = backend.flight().join(key.clone());
            joined.push((key, join));
            continue;
        };
        match look_again(backend, key.clone(), leader) {
            Looked::Found(value) => drop(found.insert(key, value)),
            Looked::Missing(loading, leader) => drop(led.insert(key, (loading, leader))),
        }
    }
    (led, joined)
}

/// Waits for what others load; gives the keys that they did not bring.
async fn wait_for<K, V, B>(backend: &B, joined: Vec<(K, Join<K, V>)>, found: &mut HashMap<K, V>) -> Vec<K>
where
    K: Hash + Eq + Clone,
    V: Clone,
    B: Backend<K, V> + ?Sized,
{
    let mut missing = Vec::new();
    for (key, join) in joined {
        match join.await {
            Turn::Landed(value) => {
                backend.coalesced(&key);
                found.insert(key, value);
            }
            Turn::Lead(_) => missing.push(key),
        }
    }
    missing
}
