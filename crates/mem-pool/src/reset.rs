use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};

/// Makes an object that comes back as good as new.
///
/// A pool calls it on the way back, before the object can be handed to anyone else, so that nothing of one request is
/// seen by the next and what an object no longer needs is freed at once and not at its next use.
///
/// ```
/// use perfect21_mem_pool::Reset;
///
/// struct Reply {
///     status: u16,
///     body: Vec<u8>,
/// }
///
/// impl Reset for Reply {
///     fn reset(&mut self) -> bool {
///         self.status = 0;
///         self.body.clear();
///         self.body.capacity() <= 64 * 1024 // One large reply shall not stay for ever.
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be reset",
    note = "derive or implement `Reset` for it; in a `#[derive(Reset)]`, say above the field how it is reset, e.g. `#[reset(default)]`"
)]
pub trait Reset {
    /// Clears the object and says whether it may be kept; the pool drops one that answers `false`.
    ///
    /// An object whose `reset` panics is dropped too.
    #[must_use = "an object that may not be kept has to be dropped"]
    fn reset(&mut self) -> bool;
}

/// Empties it and keeps its memory.
macro_rules! cleared {
    ($([$($generic:ident),*] $type:ty;)*) => {$(
        impl<$($generic),*> Reset for $type {
            fn reset(&mut self) -> bool {
                self.clear();
                true
            }
        }
    )*};
}

cleared! {
    [] String;
    [T] Vec<T>;
    [T] VecDeque<T>;
    [T] BinaryHeap<T>;
    [T] BTreeSet<T>;
    [K, V] BTreeMap<K, V>;
    [T, S] HashSet<T, S>;
    [K, V, S] HashMap<K, V, S>;
}

/// Back to its default.
macro_rules! default {
    ($($type:ty)*) => {$(
        impl Reset for $type {
            fn reset(&mut self) -> bool {
                *self = Self::default();
                true
            }
        }
    )*};
}

default! { () bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 }

impl<T> Reset for Option<T> {
    fn reset(&mut self) -> bool {
        *self = None;
        true
    }
}

impl<T: Reset, const N: usize> Reset for [T; N] {
    fn reset(&mut self) -> bool {
        // Every element, also after one that may not be kept.
        self.iter_mut().fold(true, |keep, element| element.reset() & keep)
    }
}

impl<T: Reset + ?Sized> Reset for Box<T> {
    fn reset(&mut self) -> bool {
        (**self).reset()
    }
}
