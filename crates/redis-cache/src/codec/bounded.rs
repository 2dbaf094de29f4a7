//! Between a type and a binary format: what the format would take on trust from the bytes is bounded by their number.
//!
//! - Texts and byte strings are lent from the input, so that a length is compared with what is there before anything is
//!   allocated.
//! - Sequences and maps may have no more entries in all than the input has bytes, and some more as entries may take none
//!   ([`EMPTY_ENTRIES`]). Every other entry has a byte of its own. They are counted as they are read: postcard does not
//!   tell how many it believes in where there are more of them than bytes.
//! - What nests deeper than [`DEPTH`] is refused before the stack ends.

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use std::{cell::Cell, fmt, marker::PhantomData};

/// As deep as `serde_json` goes.
const DEPTH: usize = 128;
const EMPTY_ENTRIES: usize = 1 << 16;

/// What may still be read.
pub(super) struct Bounds {
    bytes: usize,
    depth: Cell<usize>,
    entries: Cell<usize>,
}

impl Bounds {
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes, depth: Cell::new(DEPTH), entries: Cell::new(bytes.saturating_add(EMPTY_ENTRIES)) }
    }

    /// A whole value, for a deserializer that takes a seed.
    pub(super) fn whole<V>(&self) -> Whole<'_, V> {
        Whole { bounds: self, value: PhantomData }
    }

    fn enter<E: Error>(&self) -> Result<Level<'_>, E> {
        let Some(left) = self.depth.get().checked_sub(1) else {
            return Err(E::custom(format_args!("nested more than {DEPTH} deep")));
        };
        self.depth.set(left);
        Ok(Level(self))
    }

    fn take_entry<E: Error>(&self) -> Result<(), E> {
        let Some(left) = self.entries.get().checked_sub(1) else {
            return Err(E::custom("more entries than bytes"));
        };
        self.entries.set(left);
        Ok(())
    }
}

struct Level<'b>(&'b Bounds);

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() + 1);
    }
}

pub(super) struct Whole<'b, V> {
    bounds: &'b Bounds,
    value: PhantomData<V>,
}

impl<'de, V: DeserializeOwned> DeserializeSeed<'de> for Whole<'_, V> {
    type Value = V;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<V, D::Error> {
        V::deserialize(Bounded { inner, bounds: self.bounds })
    }
}

/// A deserializer, a visitor, a seed, or what gives access to parts, that passes the bounds on.
struct Bounded<'b, T> {
    inner: T,
    bounds: &'b Bounds,
}

macro_rules! plain {
    ($($method:ident)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            self.inner.$method(visitor)
        })*
    };
}

macro_rules! nested {
    ($($method:ident($($name:ident: $type:ty),*))*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, Self::Error> {
            let _level = self.bounds.enter()?;
            self.inner.$method($($name,)* Bounded { inner: Parts { visitor, counted: false }, bounds: self.bounds })
        })*
    };
}

macro_rules! counted {
    ($($method:ident)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            let _level = self.bounds.enter()?;
            self.inner.$method(Bounded { inner: Parts { visitor, counted: true }, bounds: self.bounds })
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    plain! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_bytes deserialize_unit deserialize_identifier
    }

    nested! {
        deserialize_any()
        deserialize_ignored_any()
        deserialize_option()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    counted! { deserialize_seq deserialize_map }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.inner.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.inner.deserialize_bytes(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// A visitor of what has parts.
struct Parts<V> {
    visitor: V,
    /// Whether the bytes say how many parts there are, and not the type.
    counted: bool,
}

macro_rules! visits {
    ($($method:ident($($value:ident: $type:ty)?))*) => {
        $(#[inline]
        fn $method<E: Error>(self, $($value: $type)?) -> Result<V::Value, E> {
            self.inner.visitor.$method($($value)?)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Bounded<'_, Parts<V>> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.visitor.expecting(f)
    }

    visits! {
        visit_bool(value: bool)
        visit_i64(value: i64)
        visit_i128(value: i128)
        visit_u64(value: u64)
        visit_u128(value: u128)
        visit_f64(value: f64)
        visit_char(value: char)
        visit_str(value: &str)
        visit_borrowed_str(value: &'de str)
        visit_bytes(value: &[u8])
        visit_borrowed_bytes(value: &'de [u8])
        visit_none()
        visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visitor.visit_some(Bounded { inner, bounds: self.bounds })
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visitor.visit_newtype_struct(Bounded { inner, bounds: self.bounds })
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let entries = Entries { access: inner, counted: self.inner.counted };
        self.inner.visitor.visit_seq(Bounded { inner: entries, bounds: self.bounds })
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visitor.visit_map(Bounded { inner, bounds: self.bounds })
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visitor.visit_enum(Bounded { inner, bounds: self.bounds })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Bounded { inner, bounds: self.bounds })
    }
}

/// The entries of a sequence.
struct Entries<A> {
    access: A,
    /// As of [`Parts`].
    counted: bool,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<'_, Entries<A>> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let next = self.inner.access.next_element_seed(Bounded { inner: seed, bounds: self.bounds })?;
        if next.is_some() && self.inner.counted {
            self.bounds.take_entry()?;
        }
        Ok(next)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.access.size_hint().map(|entries| entries.min(self.bounds.bytes))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let next = self.inner.next_key_seed(Bounded { inner: seed, bounds: self.bounds })?;
        if next.is_some() {
            self.bounds.take_entry()?;
        }
        Ok(next)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.inner.next_value_seed(Bounded { inner: seed, bounds: self.bounds })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|entries| entries.min(self.bounds.bytes))
    }
}

impl<'b, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'b, A> {
    type Error = A::Error;
    type Variant = Bounded<'b, A::Variant>;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), A::Error> {
        // The variant's number: it has no parts.
        let (value, inner) = self.inner.variant_seed(seed)?;
        Ok((value, Bounded { inner, bounds: self.bounds }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.newtype_variant_seed(Bounded { inner: seed, bounds: self.bounds })
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner
            .tuple_variant(len, Bounded { inner: Parts { visitor, counted: false }, bounds: self.bounds })
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner
            .struct_variant(fields, Bounded { inner: Parts { visitor, counted: false }, bounds: self.bounds })
    }
}
