use perfect21_redis_cache::Schema;
use serde::{Deserialize, Serialize};

/// So many bytes a value has as JSON, which the peers store as it is.
pub const TEXT_BYTES: usize = 100;

/// What is stored.
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
    /// That of a key, [`TEXT_BYTES`] long as JSON.
    #[must_use]
    pub fn new(id: u64) -> Self {
        let mut product = Self { id, name: String::new(), cents: 999, sizes: vec![36, 38, 40] };
        let missing = TEXT_BYTES - text(&product).len();
        product.name =
            "product of a bench, of a size as many are; "[..].chars().cycle().take(missing).collect();
        product
    }
}

/// A value as JSON.
#[must_use]
pub fn text(product: &Product) -> Vec<u8> {
    serde_json::to_vec(product).expect("a product has a text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_values_are_of_one_size() {
        for id in [0, 7, crate::KEYS] {
            assert_eq!(text(&Product::new(id)).len(), TEXT_BYTES);
        }
    }
}
