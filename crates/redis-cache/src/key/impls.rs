use super::{Key, KeyWriter, escape, push_hex};
use bytes::{Bytes, BytesMut};
use std::{borrow::Cow, num::NonZero, rc::Rc, sync::Arc};

impl Key for str {
    fn write(&self, writer: &mut KeyWriter) {
        writer.text.push('\'');
        escape(self, &mut writer.text);
    }
}

impl Key for String {
    fn write(&self, writer: &mut KeyWriter) {
        self.as_str().write(writer);
    }
}

impl Key for char {
    fn write(&self, writer: &mut KeyWriter) {
        writer.text.push_str("c'");
        escape(self.encode_utf8(&mut [0; 4]), &mut writer.text);
    }
}

impl Key for bool {
    fn write(&self, writer: &mut KeyWriter) {
        writer.text.push_str(if *self { "true" } else { "false" });
    }
}

impl Key for () {
    fn write(&self, writer: &mut KeyWriter) {
        writer.text.push_str("()");
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {
        $(impl Key for $integer {
            fn write(&self, writer: &mut KeyWriter) {
                writer.text.push_str(itoa::Buffer::new().format(*self));
            }
        })*
    };
}

integers!(u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

macro_rules! nonzero {
    ($($integer:ty)*) => {
        $(impl Key for NonZero<$integer> {
            fn write(&self, writer: &mut KeyWriter) {
                self.get().write(writer);
            }
        })*
    };
}

nonzero!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl Key for u8 {
    fn write(&self, writer: &mut KeyWriter) {
        u16::from(*self).write(writer);
    }

    fn write_slice(slice: &[Self], writer: &mut KeyWriter) {
        writer.text.push('x');
        push_hex(slice, &mut writer.text);
    }
}

impl<T: Key> Key for Option<T> {
    fn write(&self, writer: &mut KeyWriter) {
        match self {
            None => writer.text.push_str("none"),
            Some(key) => {
                writer.text.push_str("some(");
                key.write(writer);
                writer.text.push(')');
            }
        }
    }
}

impl<T: Key> Key for [T] {
    fn write(&self, writer: &mut KeyWriter) {
        T::write_slice(self, writer);
    }
}

/// Written as what is within.
macro_rules! transparent {
    ($([$($param:tt)*] $type:ty)*) => {
        $(impl<$($param)*> Key for $type {
            fn write(&self, writer: &mut KeyWriter) {
                (**self).write(writer);
            }
        })*
    };
}

transparent! {
    [T: Key + ?Sized] &T
    [T: Key + ?Sized] Box<T>
    [T: Key + ?Sized] Rc<T>
    [T: Key + ?Sized] Arc<T>
    [T: Key + ToOwned + ?Sized] Cow<'_, T>
    [T: Key] Vec<T>
    [] Bytes
    [] BytesMut
}

impl<T: Key, const N: usize> Key for [T; N] {
    fn write(&self, writer: &mut KeyWriter) {
        self.as_slice().write(writer);
    }
}

macro_rules! tuples {
    ($(($first:ident $(, $rest:ident)*))*) => {
        $(impl<$first: Key, $($rest: Key),*> Key for ($first, $($rest),*) {
            #[allow(non_snake_case, reason = "each part is bound to the name of its type")]
            fn write(&self, writer: &mut KeyWriter) {
                let ($first, $($rest),*) = self;
                writer.text.push('(');
                $first.write(writer);
                $(
                    writer.text.push(',');
                    $rest.write(writer);
                )*
                writer.text.push(')');
            }
        })*
    };
}

tuples! {
    (A)
    (A, B)
    (A, B, C)
    (A, B, C, D)
    (A, B, C, D, E)
    (A, B, C, D, E, F)
    (A, B, C, D, E, F, G)
    (A, B, C, D, E, F, G, H)
}
