//! The schemas of std's types, as serde writes them.

use super::{Schema, SchemaWriter};
use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque},
    ffi::{CStr, CString, OsStr, OsString},
    marker::PhantomData,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    num::{NonZero, Saturating, Wrapping},
    ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo},
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, Mutex, RwLock},
    time::{Duration, SystemTime},
};

macro_rules! words {
    ($($type:ty: $word:literal)*) => {
        $(impl Schema for $type {
            fn describe(to: &mut SchemaWriter) {
                to.word($word);
            }
        })*
    };
}

words! {
    bool: "bool" char: "char" (): "unit" str: "text" String: "text" f32: "f32" f64: "f64"
    u8: "u8" u16: "u16" u32: "u32" u64: "u64" u128: "u128" usize: "usize"
    i8: "i8" i16: "i16" i32: "i32" i64: "i64" i128: "i128" isize: "isize"
    Duration: "Duration" SystemTime: "SystemTime" Path: "path" PathBuf: "path"
    CStr: "C text" CString: "C text" OsStr: "OS text" OsString: "OS text"
    IpAddr: "IpAddr" Ipv4Addr: "Ipv4Addr" Ipv6Addr: "Ipv6Addr"
    SocketAddr: "SocketAddr" SocketAddrV4: "SocketAddrV4" SocketAddrV6: "SocketAddrV6"
}

/// Written as what is within.
macro_rules! transparent {
    ($($type:ty)*) => {
        $(impl<T: Schema + ?Sized> Schema for $type {
            fn describe(to: &mut SchemaWriter) {
                T::describe(to);
            }
        })*
    };
}

transparent! { Box<T> Rc<T> Arc<T> Mutex<T> RwLock<T> RefCell<T> }

impl<T: ToOwned + Schema + ?Sized> Schema for Cow<'static, T> {
    fn describe(to: &mut SchemaWriter) {
        T::describe(to);
    }
}

/// A word, then the types within.
macro_rules! of_types {
    ($($word:literal: $type:ty [$($param:ident),*])*) => {
        $(impl<$($param: Schema),*> Schema for $type {
            fn describe(to: &mut SchemaWriter) {
                to.word($word);
                $($param::describe(to);)*
            }
        })*
    };
}

of_types! {
    "option": Option<T> [T]
    "result": Result<T, E> [T, E]
    "sequence": [T] [T]
    "sequence": Vec<T> [T]
    "sequence": VecDeque<T> [T]
    "sequence": LinkedList<T> [T]
    "heap": BinaryHeap<T> [T]
    "set": BTreeSet<T> [T]
    "map": BTreeMap<K, V> [K, V]
    "wrapping": Wrapping<T> [T]
    "saturating": Saturating<T> [T]
    "cell": Cell<T> [T]
    "range": Range<T> [T]
    "range from": RangeFrom<T> [T]
    "range to": RangeTo<T> [T]
    "range inclusive": RangeInclusive<T> [T]
    "bound": Bound<T> [T]
    "tuple 1": (A,) [A]
    "tuple 2": (A, B) [A, B]
    "tuple 3": (A, B, C) [A, B, C]
    "tuple 4": (A, B, C, D) [A, B, C, D]
    "tuple 5": (A, B, C, D, E) [A, B, C, D, E]
    "tuple 6": (A, B, C, D, E, F) [A, B, C, D, E, F]
    "tuple 7": (A, B, C, D, E, F, G) [A, B, C, D, E, F, G]
    "tuple 8": (A, B, C, D, E, F, G, H) [A, B, C, D, E, F, G, H]
    "tuple 9": (A, B, C, D, E, F, G, H, I) [A, B, C, D, E, F, G, H, I]
    "tuple 10": (A, B, C, D, E, F, G, H, I, J) [A, B, C, D, E, F, G, H, I, J]
    "tuple 11": (A, B, C, D, E, F, G, H, I, J, K) [A, B, C, D, E, F, G, H, I, J, K]
    "tuple 12": (A, B, C, D, E, F, G, H, I, J, K, L) [A, B, C, D, E, F, G, H, I, J, K, L]
}

macro_rules! nonzeros {
    ($($integer:ty)*) => {
        $(impl Schema for NonZero<$integer> {
            fn describe(to: &mut SchemaWriter) {
                to.word("nonzero");
                <$integer>::describe(to);
            }
        })*
    };
}

nonzeros! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

impl<T: Schema, const N: usize> Schema for [T; N] {
    fn describe(to: &mut SchemaWriter) {
        to.word("array");
        to.word(&N.to_string());
        T::describe(to);
    }
}

impl<T: Schema, S: 'static> Schema for HashSet<T, S> {
    fn describe(to: &mut SchemaWriter) {
        to.word("set");
        T::describe(to);
    }
}

impl<K: Schema, V: Schema, S: 'static> Schema for HashMap<K, V, S> {
    fn describe(to: &mut SchemaWriter) {
        to.word("map");
        K::describe(to);
        V::describe(to);
    }
}

impl<T: ?Sized + 'static> Schema for PhantomData<T> {
    fn describe(to: &mut SchemaWriter) {
        to.word("unit");
    }
}
