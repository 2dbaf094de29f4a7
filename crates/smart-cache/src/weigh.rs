use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque},
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZero,
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// Knows what it owns on the heap: what [`Builder::weigh`](crate::Builder::weigh) bounds a cache's bytes by.
///
/// Exact for strings, vectors and boxes, by their capacity; an estimate for maps, whose tables are not shown. What is
/// shared, as by an [`Arc`], counts in full wherever it is. `#[derive(Weigh)]` sums the fields of a type up.
///
#[cfg_attr(feature = "macros", doc = "```")]
#[cfg_attr(not(feature = "macros"), doc = "```ignore")]
/// use perfect21_smart_cache::{Cache, Weigh};
///
/// #[derive(Weigh, Clone)]
/// struct Page {
///     title: String,
///     links: Vec<String>,
///     views: u64,
/// }
///
/// let page = Page { title: "a".repeat(100), links: vec![], views: 0 };
/// assert_eq!(page.heap_size(), 100);
///
/// let pages = Cache::<String, Page>::builder().max_bytes(1 << 20).weigh().build()?;
/// pages.insert("/".into(), page)?;
/// assert_eq!(pages.bytes(), (1 + 100 + size_of::<(String, Page)>()) as u64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell what it owns on the heap",
    note = "derive or implement `Weigh` for it; in a `#[derive(Weigh)]`, say above the field `#[weigh(skip)]` or \
            `#[weigh(with = function)]`"
)]
pub trait Weigh {
    /// Whether values can own heap at all; where not, collections of them need not look at each.
    const OWNS_HEAP: bool = true;

    /// Bytes that it owns beside its own [`size_of`].
    fn heap_size(&self) -> usize;
}

/// What owns no heap.
macro_rules! flat {
    ($($type:ty)*) => {$(
        impl Weigh for $type {
            const OWNS_HEAP: bool = false;

            fn heap_size(&self) -> usize {
                0
            }
        }
    )*};
}

flat! {
    () bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64
    Duration Instant SystemTime IpAddr Ipv4Addr Ipv6Addr SocketAddr &'static str
    NonZero<u8> NonZero<u16> NonZero<u32> NonZero<u64> NonZero<u128> NonZero<usize>
    NonZero<i8> NonZero<i16> NonZero<i32> NonZero<i64> NonZero<i128> NonZero<isize>
}

/// One block of so many bytes.
macro_rules! one_block {
    ($($type:ty)*) => {$(
        impl Weigh for $type {
            fn heap_size(&self) -> usize {
                self.capacity()
            }
        }
    )*};
}

one_block! { String PathBuf OsString }

/// What a reference count and its weak twin take.
const COUNTS: usize = 2 * size_of::<usize>();

fn all<'a, T: Weigh + 'a>(items: impl IntoIterator<Item = &'a T>) -> usize {
    if T::OWNS_HEAP { items.into_iter().map(T::heap_size).sum() } else { 0 }
}

impl<T: Weigh> Weigh for [T] {
    /// Of what its elements own: a slice is owned by somebody else.
    fn heap_size(&self) -> usize {
        all(self)
    }
}

impl Weigh for str {
    fn heap_size(&self) -> usize {
        0
    }
}

impl<T: Weigh, const N: usize> Weigh for [T; N] {
    const OWNS_HEAP: bool = T::OWNS_HEAP;

    fn heap_size(&self) -> usize {
        all(self)
    }
}

impl<T: Weigh + ?Sized> Weigh for Box<T> {
    fn heap_size(&self) -> usize {
        size_of_val(&**self) + (**self).heap_size()
    }
}

impl<T: Weigh + ?Sized> Weigh for Arc<T> {
    fn heap_size(&self) -> usize {
        COUNTS + size_of_val(&**self) + (**self).heap_size()
    }
}

impl<T: Weigh + ?Sized> Weigh for Rc<T> {
    fn heap_size(&self) -> usize {
        COUNTS + size_of_val(&**self) + (**self).heap_size()
    }
}

impl<T: Weigh> Weigh for Option<T> {
    const OWNS_HEAP: bool = T::OWNS_HEAP;

    fn heap_size(&self) -> usize {
        self.as_ref().map_or(0, T::heap_size)
    }
}

impl<T: Weigh, E: Weigh> Weigh for Result<T, E> {
    const OWNS_HEAP: bool = T::OWNS_HEAP || E::OWNS_HEAP;

    fn heap_size(&self) -> usize {
        match self {
            Ok(value) => value.heap_size(),
            Err(error) => error.heap_size(),
        }
    }
}

impl<T: ToOwned<Owned: Weigh> + ?Sized> Weigh for Cow<'_, T> {
    fn heap_size(&self) -> usize {
        match self {
            Self::Borrowed(_) => 0,
            Self::Owned(owned) => owned.heap_size(),
        }
    }
}

/// One block of elements, and what these own.
macro_rules! block_of {
    ($($type:ident)*) => {$(
        impl<T: Weigh> Weigh for $type<T> {
            fn heap_size(&self) -> usize {
                self.capacity() * size_of::<T>() + all(self)
            }
        }
    )*};
}

block_of! { Vec VecDeque BinaryHeap }

impl<K: Weigh, V: Weigh, S> Weigh for HashMap<K, V, S> {
    /// A bucket in eight stays free, and each has a byte beside its entry.
    fn heap_size(&self) -> usize {
        self.capacity() * 8 / 7 * (size_of::<(K, V)>() + 1) + all(self.keys()) + all(self.values())
    }
}

impl<T: Weigh, S> Weigh for HashSet<T, S> {
    fn heap_size(&self) -> usize {
        self.capacity() * 8 / 7 * (size_of::<T>() + 1) + all(self)
    }
}

impl<K: Weigh, V: Weigh> Weigh for BTreeMap<K, V> {
    /// Nodes are about two thirds full.
    fn heap_size(&self) -> usize {
        self.len() * size_of::<(K, V)>() * 3 / 2 + all(self.keys()) + all(self.values())
    }
}

impl<T: Weigh> Weigh for BTreeSet<T> {
    fn heap_size(&self) -> usize {
        self.len() * size_of::<T>() * 3 / 2 + all(self)
    }
}

/// Fields by their places.
macro_rules! tuples {
    ($(($($name:ident)+))*) => {$(
        impl<$($name: Weigh),+> Weigh for ($($name,)+) {
            const OWNS_HEAP: bool = $($name::OWNS_HEAP)||+;

            fn heap_size(&self) -> usize {
                #[allow(non_snake_case, reason = "each variable is named as its type")]
                let ($($name,)+) = self;
                0 $(+ $name.heap_size())+
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }
