use crate::{KEYS, MANY, key};
use perfect21_redis_cache::Schema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// So many bytes a value has: a text, or a [`Product`] as JSON.
pub const VALUE_BYTES: usize = 100;

/// A text that is stored.
#[must_use]
pub fn text(n: u64) -> String {
    format!("{n:0>VALUE_BYTES$}")
}

/// All keys with their texts, in the order of [`key`], made before anything is measured.
#[must_use]
pub fn entries() -> &'static [(u64, String)] {
    static ENTRIES: LazyLock<Vec<(u64, String)>> =
        LazyLock::new(|| (0..KEYS).map(|n| (key(n), text(key(n)))).collect());
    &ENTRIES
}

/// The nth of them.
#[must_use]
pub fn entry(n: u64) -> &'static (u64, String) {
    &entries()[(n % KEYS) as usize]
}

/// The nth hundred of them.
#[must_use]
pub fn hundred(n: u64) -> &'static [(u64, String)] {
    let from = (n * MANY % KEYS) as usize;
    &entries()[from..from + MANY as usize]
}

/// A structure that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
#[allow(clippy::exhaustive_structs, reason = "the bench's own")]
pub struct Product {
    /// The key that it is under.
    pub id: u64,
    /// Fills the value up.
    pub name: String,
    /// What it costs.
    pub cents: u64,
    /// A list, as most values have one.
    pub sizes: Vec<u32>,
}

impl Product {
    /// That of a key.
    #[must_use]
    pub fn new(id: u64) -> Self {
        let mut product = Self { id, name: String::new(), cents: 999, sizes: vec![36, 38, 40] };
        let json = serde_json::to_vec(&product).expect("a product has a text");
        product.name =
            "product of a bench, as many are; ".chars().cycle().take(VALUE_BYTES - json.len()).collect();
        product
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_values_are_of_one_size() {
        for id in [0, 7, KEYS] {
            assert_eq!(text(id).len(), VALUE_BYTES);
            assert_eq!(serde_json::to_vec(&Product::new(id)).unwrap().len(), VALUE_BYTES);
        }
    }
}
