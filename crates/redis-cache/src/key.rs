use std::fmt::{self, Write};

/// What a [`Cache`](crate::Cache) finds its values by.
///
/// Different keys of one type are written differently, and so are an integer and the text that looks like it: `17` is
/// `17`, `"17"` is `'17`, and `(17, "a:b")` is `(17,'a%3Ab)`. The whole key in Redis is `namespace:cache:key`.
///
/// For a type of one's own, write its parts as a tuple:
/// ```
/// use perfect21_redis_cache::{Key, KeyWriter};
///
/// struct ProductId {
///     shop: u32,
///     number: String,
/// }
///
/// impl Key for ProductId {
///     fn write(&self, writer: &mut KeyWriter) {
///         (self.shop, &self.number).write(writer);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    note = "keys are integers, texts, tuples of them, and types that write themselves as such"
)]
pub trait Key {
    /// Writes the key; equal keys must write the same, different ones must not.
    fn write(&self, writer: &mut KeyWriter);
}

/// Where a [`Key`] writes itself, by way of the keys that it is made of.
#[derive(Debug)]
pub struct KeyWriter {
    text: String,
}

impl KeyWriter {
    pub(crate) fn starting_with(prefix: &str) -> Self {
        Self { text: prefix.to_owned() }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Writes `text` so that it holds no separator, quote, glob, hash-tag brace or control character.
pub(crate) fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~@/+=".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

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

impl<T: Key + ?Sized> Key for &T {
    fn write(&self, writer: &mut KeyWriter) {
        (**self).write(writer);
    }
}

fn write_integer(integer: impl fmt::Display, writer: &mut KeyWriter) {
    // Writing to a String does not fail.
    let _ = write!(writer.text, "{integer}");
}

macro_rules! integers {
    ($($integer:ty)*) => {
        $(impl Key for $integer {
            fn write(&self, writer: &mut KeyWriter) {
                write_integer(self, writer);
            }
        })*
    };
}

integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

macro_rules! tuples {
    ($(($first:ident $(, $rest:ident)+))*) => {
        $(impl<$first: Key, $($rest: Key),+> Key for ($first, $($rest),+) {
            #[allow(non_snake_case, reason = "each part is bound to the name of its type")]
            fn write(&self, writer: &mut KeyWriter) {
                let ($first, $($rest),+) = self;
                writer.text.push('(');
                $first.write(writer);
                $(
                    writer.text.push(',');
                    $rest.write(writer);
                )+
                writer.text.push(')');
            }
        })*
    };
}

tuples!((A, B)(A, B, C)(A, B, C, D));

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(key: impl Key) -> String {
        let mut writer = KeyWriter::starting_with("");
        key.write(&mut writer);
        writer.finish()
    }

    #[test]
    fn keys_are_readable() {
        for (text, expected) in [
            (written(17), "17"),
            (written(-3_i8), "-3"),
            (written("alice@example.org"), "'alice@example.org"),
            (written((17_u8, "a:b".to_owned())), "(17,'a%3Ab)"),
            (written((1, ("x", 2), "é{*}\n")), "(1,('x,2),'%C3%A9%7B%2A%7D%0A)"),
        ] {
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn keys_that_look_alike_differ() {
        let keys = [
            written(1),
            written("1"),
            written(""),
            written(("a:b", "c")),
            written(("a", "b:c")),
            written(("a", "b", "c")),
            written((("a", "b"), "c")),
            written(("a", ("b", "c"))),
            written(("a,'b", "c")),
            written("(a,b)"),
            written("%41"),
            written("A"),
            written(" A"),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "{key}");
        }
    }

    proptest! {
        #[test]
        fn pairs_of_texts_never_collide(a: (String, String), b: (String, String)) {
            prop_assert_eq!(a == b, written(a) == written(b));
        }

        #[test]
        fn a_text_is_plain_ascii_without_separators(text: String) {
            let key = written(&text);
            prop_assert!(key.bytes().all(|byte| byte.is_ascii_graphic()));
            let separates = key.contains([':', ',', '(', ')', '{', '}', '*', '?', '[', '\\']);
            prop_assert!(!separates);
        }
    }
}

/// A key in the same slot of a cluster as `key`.
pub(crate) fn beside(key: &str, suffix: &str) -> String {
    if key.contains('{') { format!("{key}{suffix}") } else { format!("{{{key}}}{suffix}") }
}
