//! What tells types apart whose bytes may look alike.

mod impls;

use perfect21_smart_cache::Hasher;
use sha2::{Digest, Sha256};
use std::{any::TypeId, cell::RefCell, collections::HashMap};

/// A type whose shape is known, as codecs need that write no names: a value written as `{a, c, b}` must not be read as
/// `{a, b}`.
///
/// `#[derive(Schema)]` (feature `macros`) takes the type's name, the names and types of its fields and variants in their
/// order, and what serde is told of them. When any of that changes, entries from before are a counted miss.
#[cfg_attr(feature = "macros", doc = "```")]
#[cfg_attr(not(feature = "macros"), doc = "```ignore")]
/// use perfect21_redis_cache::{Bincode, Codec, Schema};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Schema)]
/// struct User {
///     name: String,
///     friends: Vec<User>,
/// }
///
/// #[derive(Serialize, Deserialize, Schema)]
/// struct Product {
///     name: String,
///     parts: Vec<Product>,
/// }
///
/// assert_ne!(Codec::<User>::schema(&Bincode), Codec::<Product>::schema(&Bincode));
/// ```
/// A type that serde knows by hand-written code is described by hand too; a number says which version of the code it is:
/// ```
/// use perfect21_redis_cache::{Schema, SchemaWriter};
///
/// struct Cents(u64);
///
/// impl Schema for Cents {
///     fn describe(to: &mut SchemaWriter) {
///         to.word("Cents, version 1");
///         u64::describe(to);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no schema",
    note = "derive or implement `Schema` for it, or use the codec `Json`, which needs none"
)]
pub trait Schema: 'static {
    /// Writes what the bytes of a value depend on.
    fn describe(to: &mut SchemaWriter);
}

/// Where a [`Schema`] is described, word by word and type by type.
#[derive(Debug)]
pub struct SchemaWriter {
    hasher: Sha256,
    /// Types that have a name, in the order in which they were met.
    met: Vec<TypeId>,
}

impl SchemaWriter {
    /// Adds a word; `["ab", "c"]` is not `["a", "bc"]`.
    pub fn word(&mut self, word: &str) {
        self.hasher.update((word.len() as u64).to_le_bytes());
        self.hasher.update(word);
    }

    /// Describes the type `T` by `parts`, the first time; from then on, also within itself, it is only named. For types
    /// that may be recursive, or are large.
    pub fn once<T: 'static>(&mut self, parts: impl FnOnce(&mut Self)) {
        let this = TypeId::of::<T>();
        match self.met.iter().position(|met| *met == this) {
            Some(nth) => {
                self.word("again");
                self.word(&nth.to_string());
            }
            None => {
                self.met.push(this);
                parts(self);
            }
        }
    }
}

/// The hash of a type's description, computed once in each thread.
#[cfg_attr(
    not(any(feature = "bincode", feature = "postcard")),
    allow(dead_code, reason = "for binary codecs")
)]
pub(crate) fn hash<T: Schema>() -> u64 {
    thread_local! {
        // As many as there are types in the program.
        static HASHES: RefCell<HashMap<TypeId, u64, Hasher>> = RefCell::default();
    }
    let this = TypeId::of::<T>();
    if let Some(hash) = HASHES.with_borrow(|hashes| hashes.get(&this).copied()) {
        return hash;
    }
    let mut writer = SchemaWriter { hasher: Sha256::new(), met: Vec::new() };
    T::describe(&mut writer);
    let digest = writer.hasher.finalize();
    let hash = digest.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
    HASHES.with_borrow_mut(|hashes| hashes.insert(this, hash));
    hash
}
