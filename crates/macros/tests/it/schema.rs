//! What `#[derive(Schema)]` tells apart.

use perfect21_redis_cache::{Bincode, Codec, Schema};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{borrow::Cow, collections::HashMap};

fn schema<T: Schema + Serialize + DeserializeOwned>() -> u64 {
    Codec::<T>::schema(&Bincode)
}

/// One type a module, each named `Type`, written in another way than the first.
macro_rules! types {
    ($($module:ident { $($item:tt)* })*) => {
        $(mod $module {
            use super::*;

            #[derive(Serialize, Deserialize, Schema)]
            #[allow(dead_code, reason = "only their schemas are looked at")]
            $($item)*
        })*

        fn schemas() -> Vec<(&'static str, u64)> {
            vec![$((stringify!($module), schema::<$module::Type>())),*]
        }
    };
}

types! {
    plain { pub(super) struct Type { a: u32, b: String } }
    more { pub(super) struct Type { a: u32, c: u8, b: String } }
    swapped { pub(super) struct Type { b: String, a: u32 } }
    renamed { pub(super) struct Type { a: u32, text: String } }
    wider { pub(super) struct Type { a: u64, b: String } }
    optional { pub(super) struct Type { a: u32, b: Option<String> } }
    told { pub(super) struct Type { a: u32, #[serde(rename = "c")] b: String } }
    skipped { pub(super) struct Type { a: u32, #[serde(skip)] b: String } }
    by_function { pub(super) struct Type { a: u32, #[serde(with = "super::shout")] b: String } }
    opaque { pub(super) struct Type { a: u32, #[schema(version = 1)] b: String } }
    opaque_again { pub(super) struct Type { a: u32, #[schema(version = 2)] b: String } }
    versioned { #[schema(version = 2)] pub(super) struct Type { a: u32, b: String } }
    nested { pub(super) struct Type { a: u32, b: more::Type } }
    nested_other { pub(super) struct Type { a: u32, b: swapped::Type } }
    tuple { pub(super) struct Type(u32, String); }
    unit { pub(super) struct Type; }
    variants { pub(super) enum Type { A(u32), B { b: String }, C } }
    swapped_variants { pub(super) enum Type { B { b: String }, A(u32), C } }
    other_field { pub(super) enum Type { A(u32), B { c: String }, C } }
    moved_field { pub(super) enum Type { A(u32), B {}, C { b: String } } }
    recursive { pub(super) struct Type { a: u32, b: Vec<Self> } }
    recursive_other { pub(super) struct Type { a: u64, b: Vec<Self> } }
    stands_for { #[serde(from = "String", into = "String")] #[derive(Clone)] pub(super) struct Type { a: u32 } }
}

impl From<String> for stands_for::Type {
    fn from(text: String) -> Self {
        serde_of(text.len())
    }
}

impl From<stands_for::Type> for String {
    fn from(_: stands_for::Type) -> Self {
        Self::new()
    }
}

fn serde_of(_: usize) -> stands_for::Type {
    unreachable!("only its schema is asked for")
}

mod shout {
    use super::*;

    pub(super) fn serialize<S: serde::Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
        text.to_uppercase().serialize(to)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        String::deserialize(from)
    }
}

#[test]
fn every_difference_is_one() {
    let mut by_hash = HashMap::new();
    for (name, hash) in schemas() {
        assert_eq!(by_hash.insert(hash, name), None, "{name}");
    }
}

mod elsewhere {
    use super::*;

    #[derive(Serialize, Deserialize, Schema)]
    pub(super) struct Type {
        pub(super) a: u32,
        pub(super) b: String,
    }
}

#[test]
fn the_same_elsewhere_is_the_same() {
    assert_eq!(schema::<elsewhere::Type>(), schema::<plain::Type>());
    assert_ne!(schema::<Vec<plain::Type>>(), schema::<plain::Type>());
}

#[test]
fn the_hash_does_not_change_between_releases() {
    assert_eq!(schema::<elsewhere::Type>(), 9_679_664_996_954_445_248);
}

#[derive(Serialize, Deserialize, Schema)]
struct Tree<'a, T> {
    value: Vec<T>,
    name: Cow<'a, str>,
    children: Vec<Self>,
    other: Option<Box<Other>>,
}

#[derive(Serialize, Deserialize, Schema)]
struct Other {
    r#type: u8,
    back: Vec<Tree<'static, Self>>,
}

#[derive(Schema)]
#[allow(dead_code, reason = "only its schema counts")]
struct Fixed<T, const N: usize>([T; N]);

#[test]
fn generic_and_recursive_types_have_one() {
    fn has<T: Schema>() {}
    has::<Fixed<u8, 100>>();
    assert_ne!(schema::<Tree<'static, u8>>(), schema::<Tree<'static, u16>>());
    assert_ne!(schema::<Tree<'static, u8>>(), schema::<Other>());
}

/// What serde does by other code does not say what it is made for: the parameters themselves do.
#[test]
fn parameters_tell_types_apart_whose_fields_do_not() {
    #[derive(Serialize, Deserialize, Schema)]
    #[serde(bound = "")]
    struct Opaque<T, const N: usize> {
        #[serde(with = "nothing")]
        all: std::marker::PhantomData<[T; N]>,
    }
    mod nothing {
        use serde::{Deserializer, Serializer};
        use std::marker::PhantomData;

        pub(super) fn serialize<T, S: Serializer>(_: &PhantomData<T>, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_unit()
        }

        pub(super) fn deserialize<'de, T, D: Deserializer<'de>>(_: D) -> Result<PhantomData<T>, D::Error> {
            Ok(PhantomData)
        }
    }
    let hashes = [schema::<Opaque<u8, 1>>(), schema::<Opaque<u8, 2>>(), schema::<Opaque<u16, 1>>()];
    assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[1] != hashes[2]);
}
